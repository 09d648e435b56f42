// A value or a capture that counts what becomes of it.
//
//   ProbeCounts counts;
//   resolve(Probe(counts)).then([](const Probe&) {});
//   ...
//   EXPECT_EQ(counts.copies, 0);
//   EXPECT_EQ(counts.live, 0);  // Each was destroyed, and only once: live would be off otherwise.

#ifndef VOW_TEST_SUPPORT_PROBE_H_
#define VOW_TEST_SUPPORT_PROBE_H_

#include <utility>

namespace vow {

struct ProbeCounts {
  int copies = 0;
  int moves = 0;
  int live = 0;  // Objects, those that were moved from included.
};

class Probe {
 public:
  explicit Probe(ProbeCounts& counts) : counts_(&counts) { ++counts_->live; }
  Probe(const Probe& other) : counts_(other.counts_), is_whole_(other.is_whole_) {
    ++counts_->live;
    ++counts_->copies;
  }
  Probe(Probe&& other) noexcept : counts_(other.counts_), is_whole_(std::exchange(other.is_whole_, false)) {
    ++counts_->live;
    ++counts_->moves;
  }
  Probe& operator=(const Probe& other) {
    is_whole_ = other.is_whole_;
    ++counts_->copies;
    return *this;
  }
  Probe& operator=(Probe&& other) noexcept {
    is_whole_ = std::exchange(other.is_whole_, false);
    ++counts_->moves;
    return *this;
  }
  ~Probe() { --counts_->live; }

  // False when it was moved from.
  bool is_whole() const { return is_whole_; }

 private:
  ProbeCounts* counts_;
  bool is_whole_ = true;
};

}  // namespace vow

#endif  // VOW_TEST_SUPPORT_PROBE_H_
