#include "prices.h"

#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "promise/with_timeout.h"

namespace {

// Stands for a shop at the other end of a network.
vow::Promise<int> ask_shop(std::string thing) {
  if (thing == "gold") return vow::sleep(absl::Hours(1)).then([] { return 1000; });
  return vow::sleep(absl::Seconds(1)).then([thing = std::move(thing)]() -> absl::StatusOr<int> {
    if (thing == "tea") return 3;
    if (thing == "bread") return 2;
    return absl::NotFoundError(absl::StrCat("no ", thing));
  });
}

}  // namespace

vow::Promise<int> price_of(std::string thing) {
  return vow::with_timeout(ask_shop(std::move(thing)), absl::Seconds(5));
}

vow::Promise<int> price_of_breakfast() {
  return vow::when_all(price_of("tea"), price_of("bread")).then([](std::tuple<int, int> prices) {
    return std::get<0>(prices) + std::get<1>(prices);
  });
}
