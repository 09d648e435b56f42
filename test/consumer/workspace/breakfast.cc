#include <iostream>

#include "absl/status/statusor.h"
#include "prices.h"
#include "promise/run.h"

int main() {
  const absl::StatusOr<int> price = vow::run(price_of_breakfast);
  if (!price.ok()) {
    std::cerr << price.status() << "\n";
    return 1;
  }
  std::cout << "breakfast: " << *price << "\n";
}
