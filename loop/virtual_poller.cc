// The poller of loops that live in virtual time.

#include "absl/time/time.h"
#include "loop/poller.h"

namespace vow::loop_internal {
namespace {

class VirtualPoller final : public Poller {
 public:
  absl::Time origin() const override { return absl::UnixEpoch(); }

  std::int64_t now() override { return now_; }

  void wait(std::int64_t timeout) override {
    if (timeout == kForever) {
      real_->wait(kForever);
    } else {
      now_ += timeout;
    }
  }

  void wake() override { real_->wake(); }

 private:
  const std::unique_ptr<Poller> real_ = make_epoll_poller();
  std::int64_t now_ = 0;
};

}  // namespace

std::unique_ptr<Poller> make_virtual_poller() { return std::make_unique<VirtualPoller>(); }

}  // namespace vow::loop_internal
