// The one error that when_any gives for all of its inputs, and how to get theirs out of it.

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/when_any.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using WhenAnyErrorsTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

// KJ 19
TEST_F(WhenAnyErrorsTest, AreAllOfThemInTheOrderOfTheInputs) {
  Deferred<int> fails_later;
  Promise<int> any = when_any({fails_later.promise(), reject<int>(absl::AbortedError("")), reject<int>(error())});
  poll();
  fails_later.reject(error());
  run();
  EXPECT_THAT(when_any_errors(any.status()), ElementsAre(error(), absl::AbortedError(""), error()));
}

TEST_F(WhenAnyErrorsTest, KeepTheirPayloads) {
  absl::Status rich = error();
  rich.SetPayload("type.example/one", absl::Cord("1"));
  rich.SetPayload("type.example/two", absl::Cord(std::string("\0 2", 3)));
  Promise<int> any = when_any({reject<int>(rich), reject<int>(error())});
  run();
  EXPECT_THAT(when_any_errors(any.status()), ElementsAre(rich, error()));
}

TEST_F(WhenAnyErrorsTest, OfOneCodeGiveThatCode) {
  Promise<int> any = when_any({reject<int>(absl::NotFoundError("a")), reject<int>(absl::NotFoundError("b"))});
  run();
  EXPECT_EQ(any.status().code(), absl::StatusCode::kNotFound);
}

TEST_F(WhenAnyErrorsTest, OfDifferentCodesGiveUnknown) {
  Promise<int> any = when_any({reject<int>(error()), reject<int>(absl::AbortedError("a"))});
  run();
  EXPECT_EQ(any.status().code(), absl::StatusCode::kUnknown);
}

TEST_F(WhenAnyErrorsTest, AreNamedInTheMessage) {
  Promise<int> any = when_any({reject<int>(absl::NotFoundError("no a")), reject<int>(absl::AbortedError("no b"))});
  run();
  EXPECT_THAT(std::string(any.status().message()), HasSubstr("NOT_FOUND: no a; ABORTED: no b"));
}

TEST_F(WhenAnyErrorsTest, MayBeThoseOfAnotherWhenAny) {
  Promise<int> any = when_any({when_any({reject<int>(error())}), reject<int>(error())});
  run();
  const std::vector<absl::Status> errors = when_any_errors(any.status());
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_THAT(when_any_errors(errors[0]), ElementsAre(error()));
}

TEST_F(WhenAnyErrorsTest, OfAnotherStatusAreNone) {
  EXPECT_THAT(when_any_errors(error()), IsEmpty());
  EXPECT_THAT(when_any_errors(absl::OkStatus()), IsEmpty());
}

class TamperedWhenAnyErrorsTest : public LoopTest {
 protected:
  TamperedWhenAnyErrorsTest() {
    absl::Status rich = error();
    rich.SetPayload("type.example/one", absl::Cord("payload"));
    Promise<int> any = when_any({reject<int>(rich), reject<int>(error())});
    run();
    whole_ = any.status();
    whole_.ForEachPayload([this](const auto& url, const absl::Cord& content) {
      url_ = std::string(url);
      bytes_ = std::string(content);
    });
  }

  std::vector<absl::Status> errors_of(const std::string& bytes) const {
    absl::Status tampered = whole_;
    tampered.SetPayload(url_, absl::Cord(bytes));
    return when_any_errors(tampered);
  }

  absl::Status whole_;
  std::string url_;
  std::string bytes_;
};

TEST_F(TamperedWhenAnyErrorsTest, CutShortAreThoseBeforeTheCut) {
  const std::vector<absl::Status> all = errors_of(bytes_);
  ASSERT_EQ(all.size(), 2u);
  for (std::size_t length = 0; length < bytes_.size(); ++length) {
    const std::vector<absl::Status> errors = errors_of(bytes_.substr(0, length));
    ASSERT_LT(errors.size(), 2u);
    for (const absl::Status& first : errors) EXPECT_EQ(first, all[0]);
  }
}

// That each is read without harm is for the sanitizers to see.
TEST_F(TamperedWhenAnyErrorsTest, OverwrittenDoNoHarm) {
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    for (char byte : {'\0', '\1', '\x7f', '\xff'}) {
      std::string bytes = bytes_;
      bytes[i] = byte;
      EXPECT_LE(errors_of(bytes).size(), bytes_.size() / 24);
    }
  }
}

}  // namespace
}  // namespace vow
