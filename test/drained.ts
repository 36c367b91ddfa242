/** What a generator returns, all its stops passed over. */
export function drained<Value>(generator: Generator<unknown, Value>): Value {
  for (;;) {
    const step = generator.next()
    if (step.done === true) return step.value
  }
}
