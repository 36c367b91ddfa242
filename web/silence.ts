/** Gives up on what sends nothing any more. */
import type { LightNode } from '../src/browser.ts'

/** Aborts once no peer has sent any block for that long. Returns what ends the watch. */
export function abortWhenSilent(args: {
  readonly lightNode: LightNode
  readonly controller: AbortController
  readonly silenceMs: number
}): () => void {
  const { lightNode, controller, silenceMs } = args
  const giveUp = (): void => controller.abort(new DOMException(`nothing came for ${silenceMs} ms`, 'TimeoutError'))
  let timer = setTimeout(giveUp, silenceMs)
  let { bytesReceived } = lightNode.snapshot().exchange
  const unsubscribe = lightNode.subscribe(() => {
    const { exchange } = lightNode.snapshot()
    if (exchange.bytesReceived === bytesReceived) return
    bytesReceived = exchange.bytesReceived
    clearTimeout(timer)
    timer = setTimeout(giveUp, silenceMs)
  })
  return () => {
    clearTimeout(timer)
    unsubscribe()
  }
}
