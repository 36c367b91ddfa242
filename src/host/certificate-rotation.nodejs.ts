import { createCertificate, parseCertificate, type Certificate } from './certificate.nodejs.ts'

/** One small text that outlives the process: a file of the data folder. */
export interface CertificateStorage {
  read(): Promise<string | undefined>
  write(text: string): Promise<void>
}

const DAY_MS = 86_400_000
/** W3C WebTransport, custom certificate requirements: at most two weeks. One day is for clocks that disagree. */
const VALID_MS: number = 13 * DAY_MS
/** Two certificates are good at the same time for so long; the change is in the middle. */
const OVERLAP_MS: number = 2 * DAY_MS
/** For a visitor whose clock is behind. */
const EARLY_MS: number = DAY_MS

/** Which certificates are there, at one time. */
export interface Certificates {
  /** Addresses that were given out before the last change name it. */
  readonly last: Certificate | undefined
  readonly current: Certificate
  /** Announced before it is used, so that an address outlives a change. */
  readonly next: Certificate
}

/** As they were at the last start, unless their time is over. Writes them when they changed. */
export async function certificatesAt(nowMs: number, storage: CertificateStorage): Promise<Certificates> {
  const stored = parse(await storage.read().catch(() => undefined))
  const certificates = advance(stored, nowMs)
  if (certificates !== stored) await storage.write(`${JSON.stringify(certificates)}\n`)
  return certificates
}

/** When the next one takes over. */
export function changesAtMs({ current }: Certificates): number {
  return current.notAfterMs - OVERLAP_MS / 2
}

function advance(stored: Certificates | undefined, nowMs: number): Certificates {
  if (stored === undefined || nowMs < stored.current.notBeforeMs) return firstAt(nowMs)
  if (nowMs < changesAtMs(stored)) return stored
  const { current, next } = stored
  if (nowMs >= changesAtMs({ last: current, current: next, next })) return firstAt(nowMs)
  return { last: current, current: next, next: after(next) }
}

function firstAt(nowMs: number): Certificates {
  const notBeforeMs = nowMs - EARLY_MS
  const current = createCertificate({ notBeforeMs, notAfterMs: notBeforeMs + VALID_MS })
  return { last: undefined, current, next: after(current) }
}

function after({ notAfterMs }: Certificate): Certificate {
  const notBeforeMs = notAfterMs - OVERLAP_MS
  return createCertificate({ notBeforeMs, notAfterMs: notBeforeMs + VALID_MS })
}

function parse(text: string | undefined): Certificates | undefined {
  try {
    const { last, current, next } = Object(JSON.parse(text ?? '')) as Readonly<Record<string, unknown>>
    const [parsedCurrent, parsedNext] = [parseCertificate(current), parseCertificate(next)]
    if (parsedCurrent === undefined || parsedNext === undefined) return undefined
    return { last: parseCertificate(last), current: parsedCurrent, next: parsedNext }
  } catch {
    return undefined
  }
}
