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

// KJ 40
TEST_F(JobQueueTest, RemovesTheFirst) {
  for (Named* job : {&a, &b, &c}) queue.push(*job);
  queue.remove(a);
  EXPECT_EQ(drain(queue), "bc");
}

// KJ 40
TEST_F(JobQueueTest, RemovesOneInTheMiddle) {
  for (Named* job : {&a, &b, &c}) queue.push(*job);
  queue.remove(b);
  EXPECT_EQ(drain(queue), "ac");
}

// KJ 40
TEST_F(JobQueueTest, RemovesTheLastAndGoesOnPushing) {
  for (Named* job : {&a, &b, &c}) queue.push(*job);
  queue.remove(c);
  queue.push(d);
  EXPECT_EQ(drain(queue), "abd");
}

// KJ 40
TEST_F(JobQueueTest, RemovesTheOnlyOne) {
  queue.push(a);
  queue.remove(a);
  EXPECT_TRUE(queue.empty());
}

// KJ 40
TEST_F(JobQueueTest, TakesAJobAgainAfterItWasRemoved) {
  for (Named* job : {&a, &b, &c}) {
    for (Named* each : {&a, &b, &c}) queue.push(*each);
    queue.remove(*job);
    queue.push(*job);
    std::string expected = "abc";
    std::erase(expected, job->name());
    EXPECT_EQ(drain(queue), expected + job->name());
  }
}

TEST_F(JobQueueTest, RemovesAJobThatBecameTheFirst) {
  for (Named* job : {&a, &b, &c}) queue.push(*job);
  queue.pop();
  queue.remove(b);
  EXPECT_EQ(drain(queue), "c");
}

TEST_F(JobQueueTest, RemovesAJobBehindOneThatWasRemoved) {
  for (Named* job : {&a, &b, &c, &d}) queue.push(*job);
  queue.remove(b);
  queue.remove(c);
  EXPECT_EQ(drain(queue), "ad");
}

TEST_F(JobQueueTest, RemovesTheFirstOfAQueueThatWasAppended) {
  queue.push(a);
  other.push(b);
  other.push(c);
  queue.append(std::move(other));
  queue.remove(b);
  EXPECT_EQ(drain(queue), "ac");
}

TEST_F(JobQueueTest, RemovesAJobBehindOneThatWasPushedToTheFront) {
  queue.push(b);
  queue.push_front(a);
  queue.remove(b);
  EXPECT_EQ(drain(queue), "a");
}

TEST_F(JobQueueTest, ReplacesAJobWhereverItStands) {
  for (Named* job : {&a, &b, &c}) {
    for (Named* each : {&a, &b, &c}) queue.push(*each);
    queue.replace(*job, d);
    std::string expected = "abc";
    expected[job->name() - 'a'] = 'd';
    EXPECT_EQ(drain(queue), expected);
  }
}

TEST_F(JobQueueTest, ReplacesTheOnlyOneAndGoesOnPushing) {
  queue.push(a);
  queue.replace(a, b);
  queue.push(c);
  EXPECT_EQ(drain(queue), "bc");
}

TEST_F(JobQueueTest, RemovesWhatStandsBehindAReplacedJob) {
  for (Named* job : {&a, &b, &c}) queue.push(*job);
  queue.replace(b, d);
  queue.remove(c);
  EXPECT_EQ(drain(queue), "ad");
}

TEST_F(JobQueueTest, RemovesAJobThatTookAnothersPlace) {
  for (Named* job : {&a, &b, &c}) queue.push(*job);
  queue.replace(b, d);
  queue.remove(d);
  EXPECT_EQ(drain(queue), "ac");
}

TEST_F(JobQueueTest, ShowsTheFirstToLeave) {
  queue.push(a);
  queue.push(b);
  EXPECT_EQ(&queue.front(), &a);
}

}  // namespace
}  // namespace vow
