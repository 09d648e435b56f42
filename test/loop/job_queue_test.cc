#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "loop/job.h"

namespace vow {
namespace {

class Named final : public Job {
 public:
  explicit Named(char name) : name_(name) {}
  char name() const { return name_; }
  void run() noexcept override {}
  void drop() noexcept override {}

 private:
  char name_;
};

std::string drain(JobQueue& queue) {
  std::string names;
  while (Job* job = queue.pop()) names += static_cast<Named*>(job)->name();
  return names;
}

class JobQueueTest : public testing::Test {
 protected:
  Named a{'a'}, b{'b'}, c{'c'}, d{'d'};
  JobQueue queue, other;
};

TEST_F(JobQueueTest, GivesNothingWhenEmpty) { EXPECT_EQ(queue.pop(), nullptr); }

TEST_F(JobQueueTest, GivesJobsInTheOrderOfPushing) {
  for (Named* job : {&a, &b, &c}) queue.push(*job);
  EXPECT_EQ(drain(queue), "abc");
  EXPECT_TRUE(queue.empty());
}

TEST_F(JobQueueTest, TakesAJobAgainAfterItWasPopped) {
  queue.push(a);
  queue.pop();
  queue.push(a);
  EXPECT_EQ(drain(queue), "a");
}

TEST_F(JobQueueTest, PutsAJobPushedToTheFrontFirst) {
  queue.push_front(b);
  queue.push_front(a);
  queue.push(c);
  EXPECT_EQ(drain(queue), "abc");
}

TEST_F(JobQueueTest, AppendsAnotherQueueInItsOrder) {
  queue.push(a);
  queue.push(b);
  other.push(c);
  other.push(d);
  queue.append(std::move(other));
  EXPECT_EQ(drain(queue), "abcd");
  EXPECT_TRUE(other.empty());
}

TEST_F(JobQueueTest, AppendsToAnEmptyQueue) {
  other.push(a);
  other.push(b);
  queue.append(std::move(other));
  queue.push(c);
  EXPECT_EQ(drain(queue), "abc");
}

TEST_F(JobQueueTest, StaysAsItIsWhenAnEmptyQueueIsAppended) {
  queue.push(a);
  queue.append(std::move(other));
  EXPECT_EQ(drain(queue), "a");
}

TEST_F(JobQueueTest, PrependsAnotherQueueInItsOrder) {
  queue.push(c);
  queue.push(d);
  other.push(a);
  other.push(b);
  queue.prepend(std::move(other));
  EXPECT_EQ(drain(queue), "abcd");
  EXPECT_TRUE(other.empty());
}

TEST_F(JobQueueTest, GoesOnPushingBehindWhatWasThereWhenItPrepended) {
  queue.push(b);
  other.push(a);
  queue.prepend(std::move(other));
  queue.push(c);
  EXPECT_EQ(drain(queue), "abc");
}

TEST_F(JobQueueTest, PrependsToAnEmptyQueue) {
  other.push(a);
  other.push(b);
  queue.prepend(std::move(other));
  queue.push(c);
  EXPECT_EQ(drain(queue), "abc");
}

TEST_F(JobQueueTest, StaysAsItIsWhenAnEmptyQueueIsPrepended) {
  queue.push(a);
  queue.prepend(std::move(other));
  queue.push(b);
  EXPECT_EQ(drain(queue), "ab");
}

TEST_F(JobQueueTest, RemovesTheFirst) {
  for (Named* job : {&a, &b, &c}) queue.push(*job);
  EXPECT_TRUE(queue.remove(a));
  EXPECT_EQ(drain(queue), "bc");
}

TEST_F(JobQueueTest, RemovesTheLastAndGoesOnPushing) {
  for (Named* job : {&a, &b, &c}) queue.push(*job);
  EXPECT_TRUE(queue.remove(c));
  queue.push(d);
  EXPECT_EQ(drain(queue), "abd");
}

TEST_F(JobQueueTest, RemovesTheOnlyOne) {
  queue.push(a);
  EXPECT_TRUE(queue.remove(a));
  EXPECT_TRUE(queue.empty());
}

TEST_F(JobQueueTest, DoesNotRemoveWhatIsNotThere) {
  queue.push(a);
  EXPECT_FALSE(queue.remove(b));
  EXPECT_EQ(drain(queue), "a");
}

}  // namespace
}  // namespace vow
