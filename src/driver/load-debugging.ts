import type { LightNodeCore } from '../core/core.ts'
import type { DebuggedCore } from './debugging.ts'

/** What the options `debug` and `record` put around a core: loaded when it is asked for. Undefined for neither. */
export async function loadDebugging(options: {
  readonly debug?: boolean | undefined
  readonly record?: ((line: string) => void) | undefined
}): Promise<((parts: DebuggedCore) => LightNodeCore) | undefined> {
  if (options.debug !== true && options.record === undefined) return undefined
  return (await import('./debugging.ts')).watchedCore(options)
}
