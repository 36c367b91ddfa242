/** 0 done · 1 the data is bad · 2 the call or the machine is. */
export type ExitCode = 0 | 1 | 2

/** What ends a command with one line on stderr. `message` says what was expected and what came. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** The system's code (`EADDRINUSE`, `ENOENT`) of an error or of what caused it. */
export function systemCode(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('syscall' in cause && 'code' in cause && typeof cause.code === 'string') return cause.code
  }
  return undefined
}

/** An error's message on one line. */
export function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replaceAll(/\s*\n\s*/g, ' ').trim()
}
