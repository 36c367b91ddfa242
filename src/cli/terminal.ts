/**
 * What the program writes to: results to stdout, logs and progress to stderr.
 * A progress line is redrawn in place, and only where stderr is a terminal.
 */
export interface Terminal {
  /** One line of result. */
  result(line: string): void
  /** One line for people. */
  log(line: string): void
  /** Redraws the progress line; undefined takes it away. Without a terminal nothing is written. */
  progress(line: string | undefined): void
  readonly isInteractive: boolean
  readonly hasColour: boolean
}

/** The part of a stream that a terminal needs. */
export interface TextOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export function createTerminal(options: {
  readonly stdout: TextOutput
  readonly stderr: TextOutput
  readonly environment: Readonly<Record<string, string | undefined>>
}): Terminal {
  const { stdout, stderr, environment } = options
  const isInteractive = stderr.isTTY === true && environment['TERM'] !== 'dumb'
  let progressLine = ''

  const clear = (): string => (progressLine === '' ? '' : '\r\x1b[K')
  return {
    isInteractive,
    // https://no-color.org: present and not empty.
    hasColour: isInteractive && (environment['NO_COLOR'] ?? '') === '',
    result(line) {
      if (progressLine !== '') stderr.write(clear())
      stdout.write(`${line}\n`)
      if (progressLine !== '') stderr.write(progressLine)
    },
    log(line) {
      stderr.write(`${clear()}${line}\n${progressLine}`)
    },
    progress(line) {
      if (!isInteractive) return
      // Some terminals say 0 where they do not know.
      const columns = stderr.columns === undefined || stderr.columns === 0 ? 80 : stderr.columns
      const shown = (line ?? '').slice(0, columns - 1)
      if (shown === progressLine) return
      stderr.write(`${clear()}${shown}`)
      progressLine = shown
    },
  }
}

/** Whether an output failed because nobody reads it any more. */
export function isReaderGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED'
}
