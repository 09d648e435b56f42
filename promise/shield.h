// shield: keeps a promise from being cancelled from downstream. asyncio's shield.
//
//   Promise<Config> shared = load();
//   with_timeout(shield(shared), absl::Seconds(1));   // gives up waiting; the loading goes on
//
// Settles as the promise does. A cancel that reaches the shield goes no further: it rejects the shield alone, and the
// promise loses a listener. A cancel of the promise itself reaches the shield as an error like any other.

#ifndef VOW_PROMISE_SHIELD_H_
#define VOW_PROMISE_SHIELD_H_

#include <utility>

#include "loop/block_pool.h"
#include "loop/source_location.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {

template <class T>
class Shield final : public TypedState<T>, public Pooled<Shield<T>> {
 public:
  // Takes over the caller's reference to `source`.
  Shield(State& source, SourceLocation where) : TypedState<T>(source, where) { source.attach(*this); }

 private:
  void run() noexcept override {
    this->adopt(this->take_source());
    this->remove_reference();
  }
  void stop(Withdrawal& withdrawal) noexcept override { this->stop_alone(withdrawal); }
  void destroy() noexcept override { this->destroy_block(this); }
};

}  // namespace promise_internal

template <class T>
Promise<T> shield(Promise<T> promise, SourceLocation where = SourceLocation::current()) {
  promise_internal::Access::use(promise, "shield", where);
  auto* state = new promise_internal::Shield<T>(*promise_internal::Access::look(promise), where);
  promise_internal::Access::give_away(std::move(promise));
  return promise_internal::Access::make<T>(state);
}

}  // namespace vow

#endif  // VOW_PROMISE_SHIELD_H_
