// The poller of loops that live in virtual time.

#include <cstdint>
#include <memory>
#include <span>

#include "absl/time/time.h"
#include "loop/poller.h"

namespace vow::loop_internal {
namespace {

class VirtualPoller final : public Poller {
 public:
  absl::Time origin() const override { return absl::UnixEpoch(); }

  std::int64_t now() override { return now_; }

  std::span<const FdEvent> wait(std::int64_t timeout) override {
    if (timeout == kForever) return real_->wait(kForever);
    if (descriptors_ > 0) {
      // What is there already comes before time goes on.
      if (const std::span<const FdEvent> events = real_->wait(0); !events.empty()) return events;
    }
    now_ += timeout;
    return {};
  }

  int add(int fd, std::uint8_t interest, std::uint64_t key) override {
    const int error = real_->add(fd, interest, key);
    if (error == 0) ++descriptors_;
    return error;
  }
  int change(int fd, std::uint8_t interest, std::uint64_t key) override { return real_->change(fd, interest, key); }
  int forget(int fd) override { return real_->forget(fd); }
  void begin_anew() override { real_->begin_anew(); }
  void abandon() override { real_->abandon(); }

  void wake() override { real_->wake(); }

 private:
  const std::unique_ptr<Poller> real_ = make_epoll_poller();
  std::int64_t now_ = 0;
  std::int64_t descriptors_ = 0;  // Ever watched.
};

}  // namespace

std::unique_ptr<Poller> make_virtual_poller() { return std::make_unique<VirtualPoller>(); }

}  // namespace vow::loop_internal
