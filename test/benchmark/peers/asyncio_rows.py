"""Python's asyncio: futures, tasks, coroutines. On Debian: apt-get install python3.

  asyncio_rows.py                                   lists the rows with their operations per repetition
  asyncio_rows.py ROW REPETITIONS [OPERATIONS]      does one row's work so many times

A future has callbacks but no `then`, which is written by hand: a task for each link would take longer. No microtask_chain:
there is one queue.
"""

import asyncio
import random
import sys
import threading


def expect(condition, what):
    if not condition:
        sys.exit("wrong result: " + what)


def add_one(x):
    return x + 1


def then(future, function):
    following = future.get_loop().create_future()
    future.add_done_callback(lambda done: following.set_result(function(done.result())))
    return following


def resolved(value):
    future = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


async def chain_resolved(links):
    end = resolved(0)
    for _ in range(links):
        end = then(end, add_one)
    expect(await end == links, "chain_resolved")


async def chain_pending(links):
    head = end = asyncio.get_running_loop().create_future()
    for _ in range(links):
        end = then(end, add_one)
    head.set_result(0)
    expect(await end == links, "chain_pending")


def then_flat(future, function):
    """The function returns a future, and the result follows that one."""
    following = future.get_loop().create_future()

    def call(done):
        function(done.result()).add_done_callback(lambda inner: following.set_result(inner.result()))

    future.add_done_callback(call)
    return following


async def chain_flatten(links):
    end = resolved(0)
    for _ in range(links):
        end = then_flat(end, lambda x: resolved(x + 1))
    expect(await end == links, "chain_flatten")


async def then_latency(times):
    """The next begins when the callback has run."""
    total = 0
    done = asyncio.get_running_loop().create_future()

    def callback(future):
        nonlocal total
        total += future.result()
        if total < times:
            resolved(1).add_done_callback(callback)
        else:
            done.set_result(None)

    resolved(1).add_done_callback(callback)
    await done


async def fanout(reactions):
    total = 0

    def callback(future):
        nonlocal total
        total += future.result()

    source = asyncio.get_running_loop().create_future()
    for _ in range(reactions):
        source.add_done_callback(callback)
    source.set_result(1)
    await asyncio.sleep(0)
    expect(total == reactions, "fanout")


async def when_all(inputs):
    loop = asyncio.get_running_loop()
    sources = [loop.create_future() for _ in range(inputs)]
    everything = asyncio.gather(*sources)
    for i in reversed(range(inputs)):
        sources[i].set_result(i)
    values = await everything
    expect(len(values) == inputs and values[7] == 7, "when_all")


async def race(inputs):
    loop = asyncio.get_running_loop()
    sources = [loop.create_future() for _ in range(inputs)]
    loop.call_soon(sources[inputs // 2].set_result, 7)
    done, losers = await asyncio.wait(sources, return_when=asyncio.FIRST_COMPLETED)
    for loser in losers:
        loser.cancel()
    expect(done.pop().result() == 7, "race")


async def post_chain(calls):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = calls

    def again():
        nonlocal left
        left -= 1
        if left > 0:
            loop.call_soon(again)
        else:
            done.set_result(None)

    loop.call_soon(again)
    await done


def countdown(count):
    """A function to be called so many times, and the future of the last call."""
    done = asyncio.get_running_loop().create_future()
    left = count

    def call():
        nonlocal left
        left -= 1
        if left == 0:
            done.set_result(None)

    return call, done


async def post_upfront(calls):
    loop = asyncio.get_running_loop()
    call, done = countdown(calls)
    for _ in range(calls):
        loop.call_soon(call)
    await done


async def post_cross_thread(calls):
    loop = asyncio.get_running_loop()
    call, done = countdown(calls)

    def post():
        for _ in range(calls):
            loop.call_soon_threadsafe(call)

    other = threading.Thread(target=post)
    other.start()
    await done
    other.join()


async def timers_arm_cancel(count):
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(random.random(), print) for _ in range(count)]
    for timer in timers:
        timer.cancel()


async def timers_fire(count):
    loop = asyncio.get_running_loop()
    call, done = countdown(count)
    for _ in range(count):
        loop.call_later(random.random() * 0.05, call)
    await done


async def sleepers(count):
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(count)]
    for future in futures:
        loop.call_later(1, future.set_result, None)
    await asyncio.gather(*futures)


async def sleepers_coro(count):
    await asyncio.gather(*(asyncio.sleep(1) for _ in range(count)))


async def await_ready(times):
    future = resolved(1)
    total = 0
    for _ in range(times):
        total += await future
    expect(total == times, "await_ready")


async def await_loop(times):
    loop = asyncio.get_running_loop()
    total = 0
    for _ in range(times):
        future = loop.create_future()
        loop.call_soon(future.set_result, 1)
        total += await future
    expect(total == times, "await_loop")


async def fibonacci(n):
    if n < 2:
        return n
    before = await fibonacci(n - 1)
    return before + await fibonacci(n - 2)


async def coro_fib25(_):
    expect(await fibonacci(25) == 75_025, "coro_fib25")


ROWS = {
    "chain_resolved": (1000, chain_resolved),
    "chain_pending": (1000, chain_pending),
    "chain_flatten": (1000, chain_flatten),
    "then_latency": (1000, then_latency),
    "fanout": (1000, fanout),
    "when_all": (10_000, when_all),
    "race": (1000, race),
    "post_chain": (1_000_000, post_chain),
    "post_upfront": (1_000_000, post_upfront),
    "post_cross_thread": (1_000_000, post_cross_thread),
    "timers_arm_cancel": (1_000_000, timers_arm_cancel),
    "timers_fire": (100_000, timers_fire),
    "sleepers": (1_000_000, sleepers),
    "sleepers_coro": (1_000_000, sleepers_coro),
    "await_ready": (1000, await_ready),
    "await_loop": (1000, await_loop),
    "coro_fib25": (242_785, coro_fib25),
}


async def main():
    if len(sys.argv) < 3:
        for name, (operations, _) in ROWS.items():
            print(name, operations)
        return
    operations, run = ROWS[sys.argv[1]]
    for _ in range(int(sys.argv[2])):
        await run(int(sys.argv[3]) if len(sys.argv) > 3 else operations)


asyncio.run(main())
