import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Victim } from './fake-peers.ts'

export type CrowdOrder =
  | { readonly type: 'gather'; readonly victim: Victim; readonly from: number; readonly size: number }
  | { readonly type: 'vanish'; readonly areSilentOnesToStay: boolean }
  | { readonly type: 'be-dropped' }

export type CrowdAnswer = { readonly count: number } | { readonly failure: string }

/** Fake peers in a process of their own, one crowd at a time. */
export class Crowd {
  readonly #process: ChildProcess = fork(fileURLToPath(new URL('./crowd-process.ts', import.meta.url)), {
    execArgv: [],
  })

  /** Fake peers number `from` to `from + size`, all there at once. Returns how many of them were called ready. */
  gather(victim: Victim, from: number, size: number): Promise<number> {
    return this.#order({ type: 'gather', victim, from, size })
  }

  /** Without a word. Returns how many stay: those that are not ready, if that is asked for. */
  vanish(areSilentOnesToStay: boolean): Promise<number> {
    return this.#order({ type: 'vanish', areSilentOnesToStay })
  }

  /** Resolves when the victim has let go of all that stayed. */
  async beDropped(): Promise<void> {
    await this.#order({ type: 'be-dropped' })
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.kill()
    await exited
  }

  async #order(order: CrowdOrder): Promise<number> {
    const answered = once(this.#process, 'message') as Promise<[CrowdAnswer]>
    this.#process.send(order)
    const [answer] = await answered
    if ('failure' in answer) throw new Error(answer.failure)
    return answer.count
  }
}
