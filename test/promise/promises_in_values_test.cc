// Values that hold promises of values that hold promises, and so on: the destructor of each would call the next one's,
// and a list of them would need as many stack frames.

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

constexpr int kMany = 200'000;

struct Node {
  std::unique_ptr<Promise<Node>> next;
  Probe probe;
};

class PromisesInValuesTest : public LoopTest {
 protected:
  Promise<Node> list(int length) {
    Promise<Node> head = resolve(Node{nullptr, Probe(counts)});
    for (int i = 1; i < length; ++i) {
      head = resolve(Node{std::make_unique<Promise<Node>>(std::move(head)), Probe(counts)});
    }
    return head;
  }

  ProbeCounts counts;
};

TEST_F(PromisesInValuesTest, GoWhenTheFirstPromiseIsDropped) {
  { const Promise<Node> head = list(1'000'000); }
  EXPECT_EQ(counts.live, 0);
}

TEST_F(PromisesInValuesTest, GoWhenTheFirstValueIsTaken) {
  list(kMany).then([](Node) {});
  run();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(PromisesInValuesTest, GoWhenTheFirstValueIsNotWantedAnyMore) {
  list(kMany).then([](const Node&) {}).cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(PromisesInValuesTest, GoWhenACallbackThatHoldsThemIsDestroyed) {
  const Promise<> p = sleep(absl::Seconds(1)).then([head = list(kMany)] {});
  p.cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(PromisesInValuesTest, GoAfterTheLoopHasClosed) {
  auto head = std::make_unique<Promise<Node>>(list(kMany));
  loop.close();
  head.reset();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(PromisesInValuesTest, GoFromTheFirstToTheLast) {
  struct Named {
    std::unique_ptr<Promise<Named>> next;
    Log::AtEnd end;
  };
  Promise<Named> tail = resolve(Named{nullptr, log.at_end("b")});
  { const Promise<Named> head = resolve(Named{std::make_unique<Promise<Named>>(std::move(tail)), log.at_end("a")}); }
  EXPECT_EQ(log.str(), "a b");
}

struct SharedNode {
  Promise<std::shared_ptr<SharedNode>> next;
  Probe probe;
};

TEST_F(PromisesInValuesTest, GoIfTheValuesAreShared) {
  Promise<std::shared_ptr<SharedNode>> head = std::shared_ptr<SharedNode>();
  for (int i = 0; i < kMany; ++i) head = resolve(std::make_shared<SharedNode>(SharedNode{head, Probe(counts)}));
  head = std::shared_ptr<SharedNode>();
  EXPECT_EQ(counts.live, 0);
}

struct Tree {
  std::vector<Promise<Tree>> children;
  Probe probe;
};

TEST_F(PromisesInValuesTest, GoIfThereAreSeveralInEach) {
  std::optional<Promise<Tree>> root = resolve(Tree{{}, Probe(counts)});
  for (int i = 0; i < kMany / 2; ++i) {
    std::vector<Promise<Tree>> children;
    children.push_back(resolve(Tree{{}, Probe(counts)}));
    children.push_back(*std::move(root));
    root = resolve(Tree{std::move(children), Probe(counts)});
  }
  root.reset();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(PromisesInValuesTest, GoIfEachHasComeFromACallback) {
  Promise<Node> head = list(1);
  for (int i = 1; i < kMany; ++i) {
    head = resolve(std::make_unique<Promise<Node>>(std::move(head))).then([this](std::unique_ptr<Promise<Node>> next) {
      return Node{std::move(next), Probe(counts)};
    });
  }
  run();
  { const Promise<Node> dropped = std::move(head); }
  EXPECT_EQ(counts.live, 0);
}

}  // namespace
}  // namespace vow
