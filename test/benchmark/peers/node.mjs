// Node.js: the promises that vow's follow. On Debian: apt-get install nodejs.
//
//   node node.mjs                                   lists the rows with their operations per repetition
//   node node.mjs ROW REPETITIONS [OPERATIONS]      does one row's work so many times

import { Worker, isMainThread, parentPort } from 'node:worker_threads';

const LINKS = 1000;
const GATHERED = 10_000;
const CALLS = 1_000_000;
const TIMERS = 1_000_000;
const FIRED = 100_000;
const SLEEPERS = 1_000_000;
const FIBONACCI_CALLS = 242_785;

function expect(condition, what) {
  if (!condition) throw new Error(`wrong result: ${what}`);
}

// Delays like those of the others, whose generator needs 64-bit integers; in whole milliseconds, which Node.js rounds to.
let state = 1;
function below(bound) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * bound);
}

function deferred() {
  let resolve;
  const promise = new Promise((f) => { resolve = f; });
  return { promise, resolve };
}

async function chainResolved(links) {
  let end = Promise.resolve(0);
  for (let i = 0; i < links; ++i) end = end.then((x) => x + 1);
  expect((await end) === links, 'chain_resolved');
}

async function chainPending(links) {
  const head = deferred();
  let end = head.promise;
  for (let i = 0; i < links; ++i) end = end.then((x) => x + 1);
  head.resolve(0);
  expect((await end) === links, 'chain_pending');
}

async function chainFlatten(links) {
  let end = Promise.resolve(0);
  for (let i = 0; i < links; ++i) end = end.then((x) => Promise.resolve(x + 1));
  expect((await end) === links, 'chain_flatten');
}

// The next begins when f has run: an await would add ticks of its own.
async function thenLatency(times) {
  let sum = 0;
  const done = deferred();
  const f = (x) => {
    sum += x;
    if (sum < times) Promise.resolve(1).then(f);
    else done.resolve();
  };
  Promise.resolve(1).then(f);
  await done.promise;
  expect(sum === times, 'then_latency');
}

async function fanout(reactions) {
  let sum = 0;
  const source = deferred();
  for (let i = 0; i < reactions; ++i) source.promise.then((x) => { sum += x; });
  source.resolve(1);
  await source.promise;
  expect(sum === reactions, 'fanout');
}

function manyDeferred(count) {
  const sources = [];
  for (let i = 0; i < count; ++i) sources.push(deferred());
  return sources;
}

async function whenAll(inputs) {
  const sources = manyDeferred(inputs);
  const all = Promise.all(sources.map((source) => source.promise));
  for (let i = inputs; i-- > 0;) sources[i].resolve(i);
  const values = await all;
  expect(values.length === inputs && values[7] === 7, 'when_all');
}

async function race(inputs) {
  const sources = manyDeferred(inputs);
  const first = Promise.race(sources.map((source) => source.promise));
  sources[inputs / 2].resolve(7);
  expect((await first) === 7, 'race');
}

// Calls `again` by `post` so many times, each from the one before.
function callChain(post, calls) {
  const done = deferred();
  let left = calls;
  const again = () => {
    if (--left > 0) post(again);
    else done.resolve();
  };
  post(again);
  return done.promise;
}

const postChain = (calls) => callChain(setImmediate, calls);
const microtaskChain = (calls) => callChain(queueMicrotask, calls);

async function postUpfront(calls) {
  let left = calls;
  const done = deferred();
  const f = () => {
    if (--left === 0) done.resolve();
  };
  for (let i = 0; i < calls; ++i) setImmediate(f);
  await done.promise;
}

let worker;  // One for all repetitions, so that its start does not count.
async function postCrossThread(calls) {
  worker ??= new Worker(new URL(import.meta.url));
  let left = calls;
  const done = deferred();
  worker.on('message', () => {
    if (--left === 0) done.resolve();
  });
  worker.postMessage(calls);
  await done.promise;
  worker.removeAllListeners('message');
}

async function timersArmCancel(count) {
  const timers = [];
  for (let i = 0; i < count; ++i) timers.push(setTimeout(() => {}, below(1000)));
  for (const timer of timers) clearTimeout(timer);
}

async function timersFire(count) {
  let left = count;
  const done = deferred();
  const f = () => {
    if (--left === 0) done.resolve();
  };
  for (let i = 0; i < count; ++i) setTimeout(f, below(50));
  await done.promise;
}

const sleep = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

async function sleepers(count) {
  const all = [];
  for (let i = 0; i < count; ++i) all.push(sleep(1000));
  await Promise.all(all);
}

async function sleepInCoroutine() {
  await sleep(1000);
}

async function sleepersCoro(count) {
  const all = [];
  for (let i = 0; i < count; ++i) all.push(sleepInCoroutine());
  await Promise.all(all);
}

async function awaitReady(times) {
  const promise = Promise.resolve(1);
  let sum = 0;
  for (let i = 0; i < times; ++i) sum += await promise;
  expect(sum === times, 'await_ready');
}

async function awaitLoop(times) {
  let sum = 0;
  for (let i = 0; i < times; ++i) sum += await new Promise((resolve) => { setImmediate(resolve, 1); });
  expect(sum === times, 'await_loop');
}

async function fibonacci(n) {
  if (n < 2) return n;
  const before = await fibonacci(n - 1);
  return before + await fibonacci(n - 2);
}

async function coroFib25() {
  expect((await fibonacci(25)) === 75_025, 'coro_fib25');
}

const rows = {
  chain_resolved: [LINKS, chainResolved],
  chain_pending: [LINKS, chainPending],
  chain_flatten: [LINKS, chainFlatten],
  then_latency: [LINKS, thenLatency],
  fanout: [LINKS, fanout],
  when_all: [GATHERED, whenAll],
  race: [LINKS, race],
  post_chain: [CALLS, postChain],
  post_upfront: [CALLS, postUpfront],
  microtask_chain: [CALLS, microtaskChain],
  post_cross_thread: [CALLS, postCrossThread],
  timers_arm_cancel: [TIMERS, timersArmCancel],
  timers_fire: [FIRED, timersFire],
  sleepers: [SLEEPERS, sleepers],
  sleepers_coro: [SLEEPERS, sleepersCoro],
  await_ready: [LINKS, awaitReady],
  await_loop: [LINKS, awaitLoop],
  coro_fib25: [FIBONACCI_CALLS, coroFib25],
};

if (!isMainThread) {
  parentPort.on('message', (calls) => {
    for (let i = 0; i < calls; ++i) parentPort.postMessage(i);
  });
} else if (process.argv.length < 4) {
  for (const [name, [operations]] of Object.entries(rows)) console.log(name, operations);
} else {
  const [name, repetitions, operations] = process.argv.slice(2);
  const [usual, run] = rows[name];
  for (let i = 0; i < Number(repetitions); ++i) await run(Number(operations ?? usual));
  await worker?.terminate();
}
