#include "loop/block_watch.h"

#include <cstddef>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "loop/block_pool.h"
#include "loop/source_location.h"

namespace vow {
namespace {

template <std::size_t kBytes, std::size_t kAlignment = 8>
class Thing final : public Pooled<Thing<kBytes, kAlignment>> {
 public:
  explicit Thing(SourceLocation where = SourceLocation::current()) : where_(where) {}
  BlockReport block_report() const { return {"thing", true, where_}; }

 private:
  SourceLocation where_;
  alignas(kAlignment) char bytes_[kBytes];
};

using Small = Thing<8>;

TEST(BlockWatchTest, SeesWhatIsMadeAndNotWhatIsGone) {
  const BlockWatch watch;
  Small* first = new Small;
  Small* second = new Small;
  delete first;
  ASSERT_EQ(watch.blocks().size(), 1u);
  EXPECT_EQ(watch.blocks()[0].address, second);
  EXPECT_STREQ(watch.blocks()[0].report.what, "thing");
  EXPECT_EQ(watch.blocks()[0].report.where.line(), static_cast<unsigned>(__LINE__ - 5));
  delete second;
  EXPECT_TRUE(watch.blocks().empty());
}

TEST(BlockWatchTest, TellsInTheOrderOfMaking) {
  const BlockWatch watch;
  std::vector<Small*> things;
  for (int i = 0; i < 5000; ++i) things.push_back(new Small);
  const auto blocks = watch.blocks();
  ASSERT_EQ(blocks.size(), things.size());
  for (std::size_t i = 0; i < things.size(); ++i) EXPECT_EQ(blocks[i].address, things[i]);
  for (Small* thing : things) delete thing;
  EXPECT_TRUE(watch.blocks().empty());
}

TEST(BlockWatchTest, SeesBlocksOfAllSizesAndAlignments) {
  const BlockWatch watch;
  auto* large = new Thing<10000>;
  auto* aligned = new Thing<8, 64>;
  EXPECT_EQ(watch.blocks().size(), 2u);
  delete large;
  delete aligned;
  EXPECT_TRUE(watch.blocks().empty());
}

TEST(BlockWatchTest, SaysNothingOfWhatHasNothingToReport) {
  const BlockWatch watch;
  void* block = allocate_block(48);
  EXPECT_TRUE(watch.blocks().empty());
  free_block(block, 48);
}

TEST(BlockWatchTest, SaysNothingOfWhatWasMadeBefore) {
  Small* before = new Small;
  const BlockWatch watch;
  EXPECT_TRUE(watch.blocks().empty());
  delete before;
}

TEST(BlockWatchTest, ABlockMayOutliveIt) {
  std::vector<Small*> left;
  for (int round = 0; round < 3; ++round) {
    const BlockWatch watch;
    for (int i = 0; i < 5000; ++i) left.push_back(new Small);
    for (int i = 0; i < 4000; ++i) {
      delete left.back();
      left.pop_back();
    }
  }
  for (int i = 0; i < 5000; ++i) left.push_back(new Small);
  for (Small* thing : left) delete thing;
}

TEST(BlockWatchDeathTest, ThereIsOneAtATime) {
  const BlockWatch watch;
  EXPECT_DEATH(BlockWatch(), "a second BlockWatch");
}

}  // namespace
}  // namespace vow
