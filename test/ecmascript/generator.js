// Makes programs up, at random, while oracle.js runs them: it is asked for the steps of a turn or a handler when their
// time has come. It adds them to `steps`, has `run` execute each at once, and so knows which promises there are.
'use strict';

const CHAINING = ['then', 'then', 'catch', 'finally'];

// Each program has a character of its own: some steps are frequent in it, and some do not occur at all.
class Generator {
  constructor(seed) {
    this.state = Math.imul(seed, 0x9e3779b1);
    const size = this.random();
    this.budget = size < 0.6 ? 3 + this.below(10) : size < 0.9 ? 13 + this.below(28) : 41 + this.below(80);
    if (size > 0.99) this.budget = 200 + this.below(200);
    this.weights = {};
    const usual = {
      new: 3, is: 3, settle: 4, then: 6, thenTwoArms: 2, catch: 2, finally: 2, all: 1, any: 1, race: 1, allSettled: 1,
      later: 1, micro: 1, chain: 0.5, fan: 0.5, adopt: 0.5, async: 4,
    };
    for (const [kind, weight] of Object.entries(usual)) this.weights[kind] = weight * this.oneOf([0, 0.3, 1, 1, 1, 3]);
    this.nesting = this.oneOf([0, 0.2, 0.4, 0.9]);
    this.promises = this.oneOf([0.1, 0.3, 0.6]);
    this.recursion = this.oneOf([0, 0, 0.3, 0.8]);
    this.awaits = this.oneOf([0.2, 0.5, 0.8]);
    this.settledAwaits = this.oneOf([0, 0, 0.3]);
    this.errors = this.oneOf([0.05, 0.2, 0.5]);
    this.recent = this.oneOf([0, 0.5, 0.9]);
    this.turnSize = this.oneOf([2, 6, 20]);
    this.lastNumber = 0;
    this.words = [];   // Of the promises that there are.
    this.opened = [];  // Of those that are settled by their resolvers.
    this.open = [];    // Of those whose resolvers were not used yet.
  }

  random() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let x = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  }
  below(n) {
    return Math.floor(this.random() * n);
  }
  oneOf(list) {
    return list[this.below(list.length)];
  }

  value() {
    return `v${this.below(10)}`;
  }
  valueOrError() {
    return `${this.random() < this.errors ? 'e' : 'v'}${this.below(10)}`;
  }
  promise() {
    return this.oneOf(this.random() < this.recent ? this.words.slice(-3) : this.words);
  }

  fillTurn(steps, run) {
    this.fill(steps, run, 1 + this.below(this.turnSize));
    if (this.budget > 0) return;
    for (const word of [...this.open]) {
      if (this.random() < 0.5) this.settle(steps, run, word);
    }
  }
  wantsAnotherTurn() {
    return this.budget > 0;
  }
  fillBlock(steps, run) {
    this.fill(steps, run, 1 + this.below(4));
  }
  // Gives the outcome.
  fillHandler(step, steps, run) {
    if (this.random() < this.nesting) this.fillBlock(steps, run);
    return this.outcome(step, steps, run);
  }
  // Yields the awaits, and gives the outcome if they let it come to that.
  *fillAsync(step, steps, run) {
    for (let count = this.below(7); count > 0 && this.budget > 0; --count) {
      if (this.random() < this.awaits) yield this.emitAwait(step, steps, run);
      else this.make(steps, run, this.kind());
    }
    return this.outcome(step, steps, run);
  }
  // In recursion it is a promise that nothing else refers to, whose handler may do the same again.
  outcome({ op, target }, steps, run) {
    if (this.budget > 0 && this.random() < this.recursion) {
      if (this.weights.async > 0 && this.random() < 0.4) return this.emitUnseen(steps, run, 'async', []);
      const source = this.open.length > 0 && this.random() < 0.5 ? this.oneOf(this.open) : this.promise();
      if (source !== target && !run.isWaiting(source, target)) {
        return this.emitUnseen(steps, run, this.oneOf(CHAINING), [source]);
      }
    }
    const choice = this.random();
    if (choice >= this.promises) return this.valueOrError();
    if (op !== 'finally' && run.promises.has(target) && this.random() < 0.04) return target;
    if (this.budget > 0 && this.random() < 0.4) this.makeSource(steps, run);
    const word = this.promise();
    return word === target || run.isWaiting(word, target) ? this.valueOrError() : word;
  }
  // Something to be awaited or returned.
  makeSource(steps, run) {
    this.make(steps, run, this.oneOf(this.weights.async > 0 ? ['new', 'is', 'then', 'async'] : ['new', 'is', 'then']));
  }

  fill(steps, run, count) {
    for (; count > 0 && this.budget > 0; --count) this.make(steps, run, this.kind());
  }

  kind() {
    if (this.words.length === 0) return this.oneOf(['new', 'is']);
    const kinds = Object.entries(this.weights).filter(([kind]) => kind !== 'settle' || this.opened.length > 0);
    let left = this.random() * kinds.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [kind, weight] of kinds) {
      left -= weight;
      if (left < 0) return kind;
    }
    return 'then';
  }

  emit(steps, run, op, operands, handlers = 0, letter = 'p') {
    const target = `${letter}${++this.lastNumber}`;
    const step = { op, target, operands, handlers: [] };
    while (handlers-- > 0) step.handlers.push({ steps: [], outcome: this.value() });
    this.perform(steps, run, step);
    if (letter === 'p') this.words.push(target);
    return target;
  }
  emitUnseen(steps, run, op, operands) {
    const word = this.emit(steps, run, op, operands, 1);
    this.words.pop();
    return word;
  }
  // For the async function `caller`, which is to run it.
  emitAwait(caller, steps, run) {
    if (this.budget > 0 && this.random() < 0.3) this.makeSource(steps, run);
    const step = { op: 'await', target: `a${++this.lastNumber}`, operands: [this.value()], handlers: [] };
    const word = this.promise();
    if (this.random() < 0.9 && word !== caller.target && !run.isWaiting(word, caller.target)) {
      if (this.random() < this.settledAwaits) step.op = 'settled';
      step.operands = [word];
    }
    --this.budget;
    steps.push(step);
    return step;
  }
  perform(steps, run, step) {
    --this.budget;
    steps.push(step);
    run.execute(step);
  }

  make(steps, run, kind) {
    switch (kind) {
      case 'new': {
        const word = this.emit(steps, run, 'new', []);
        this.open.push(word);
        this.opened.push(word);
        return word;
      }
      case 'is': return this.emit(steps, run, 'is', [this.valueOrError()]);
      case 'settle': {
        const again = this.open.length === 0 || this.random() < 0.15;
        return this.settle(steps, run, this.oneOf(again ? this.opened : this.open));
      }
      case 'then':
      case 'catch':
      case 'finally': return this.emit(steps, run, kind, [this.promise()], 1);
      case 'thenTwoArms': return this.emit(steps, run, 'then', [this.promise()], 2);
      case 'async': return this.emit(steps, run, kind, [], 1);
      case 'later': return this.emit(steps, run, kind, [], 1, 't');
      case 'micro': return this.emit(steps, run, kind, [], 1, 'm');
      case 'chain': {
        const count = 2 + this.below(6);
        for (let i = 0; i < count; ++i) {
          this.emit(steps, run, this.oneOf(CHAINING), [i === 0 ? this.promise() : this.words.at(-1)], 1);
        }
        return;
      }
      case 'fan': {
        const word = this.promise();
        const count = 2 + this.below(6);
        for (let i = 0; i < count; ++i) this.emit(steps, run, this.oneOf(CHAINING), [word], 1);
        return;
      }
      case 'adopt': return this.adopt(steps, run);
      default: {
        const inputs = [];
        for (let count = this.below(5) + (kind === 'race' ? 1 : 0); count > 0; --count) inputs.push(this.promise());
        return this.emit(steps, run, kind, inputs);
      }
    }
  }

  settle(steps, run, target) {
    let outcome = this.valueOrError();
    if (this.random() < this.promises) {
      const word = this.random() < 0.05 ? target : this.promise();
      if (word === target || !run.isWaiting(word, target)) outcome = word;
    }
    this.open = this.open.filter((word) => word !== target);
    this.perform(steps, run, { op: 'settle', target, operands: [outcome], handlers: [] });
  }

  // A chain of promises, each resolved with the one before it, from either end.
  adopt(steps, run) {
    const chain = [this.promise()];
    for (let count = 2 + this.below(5); count > 0; --count) chain.push(this.emit(steps, run, 'new', []));
    const links = chain.slice(1).map((target, i) => ({ op: 'settle', target, operands: [chain[i]], handlers: [] }));
    if (this.random() < 0.5) links.reverse();
    links.forEach((step) => this.perform(steps, run, step));
    this.opened.push(...chain.slice(1));
  }
}

module.exports = { Generator };
