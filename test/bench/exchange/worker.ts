/** One side of a bench in a process of its own, which carries out one order after the other. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a side can do: each takes and gives plain data. */
export type Orders = Record<string, (args: never) => Promise<unknown>>

interface Order {
  readonly name: string
  readonly args: unknown
}

type Answer = { readonly value: unknown } | { readonly failure: string }

/**
 * A module of this folder that calls `carryOut`, such as `./throughput-side.ts`; one order at a time.
 * Node.js flags are handed on: `node --cpu-prof test/bench/exchange.ts small` profiles each side.
 */
export class Worker<Known extends Orders> {
  readonly #process: ChildProcess
  #answer = Promise.withResolvers<Answer>()

  constructor(module: string) {
    this.#process = fork(fileURLToPath(new URL(module, import.meta.url)))
    this.#process.on('message', (answer: Answer) => this.#answer.resolve(answer))
    this.#process.on('exit', (code) => this.#answer.resolve({ failure: `the process of ${module} ended with ${code}` }))
  }

  async call<Name extends keyof Known & string>(
    name: Name,
    args: Parameters<Known[Name]>[0],
  ): Promise<Awaited<ReturnType<Known[Name]>>> {
    this.#answer = Promise.withResolvers()
    this.#process.send({ name, args } satisfies Order)
    const answer = await this.#answer.promise
    if ('failure' in answer) throw new Error(answer.failure)
    return answer.value as Awaited<ReturnType<Known[Name]>>
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.disconnect()
    await exited
  }
}

/** What the worker's module does with its orders. */
export function carryOut(orders: Orders): void {
  process.on('message', ({ name, args }: Order) => {
    const order = orders[name] as ((args: unknown) => Promise<unknown>) | undefined
    if (order === undefined) throw new Error(`no such order: ${name}`)
    order(args).then(
      (value) => process.send?.({ value } satisfies Answer),
      (error: unknown) => process.send?.({ failure: error instanceof Error ? String(error.stack) : String(error) }),
    )
  })
  process.on('disconnect', () => process.exit())
}
