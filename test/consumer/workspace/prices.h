#ifndef PRICES_H_
#define PRICES_H_

#include <string>

#include "promise/promise.h"

// Asks the shop. NotFound if it does not sell the thing, DeadlineExceeded if it does not answer within five seconds.
vow::Promise<int> price_of(std::string thing);

// Of tea and bread, asked for at the same time.
vow::Promise<int> price_of_breakfast();

#endif  // PRICES_H_
