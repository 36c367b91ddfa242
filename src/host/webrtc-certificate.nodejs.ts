import type { CertificateStorage } from './certificate-rotation.nodejs.ts'
import { createCertificate, fingerprintOf, parseCertificate, type Certificate } from './certificate.nodejs.ts'
import { encodeCerthash } from './webtransport-address.ts'

const YEAR_MS: number = 365 * 86_400_000
/** Peers go by its hash alone (libp2p WebRTC-Direct), as DTLS within WebRTC does: with it an address stays good for good. */
const VALID_MS: number = 20 * YEAR_MS

/** As `@libp2p/webrtc` takes one. */
export interface WebRtcCertificate {
  readonly privateKey: string
  readonly pem: string
  readonly certhash: string
}

/** As at the last start; a new one, which is written, where none is stored. */
export async function webRtcCertificate(storage: CertificateStorage, nowMs: number): Promise<WebRtcCertificate> {
  const certificate = parse(await storage.read().catch(() => undefined)) ?? (await create(storage, nowMs))
  const { keyPem, certificatePem } = certificate
  return { privateKey: keyPem, pem: certificatePem, certhash: encodeCerthash(fingerprintOf(certificate)) }
}

async function create(storage: CertificateStorage, nowMs: number): Promise<Certificate> {
  const certificate = createCertificate({ notBeforeMs: nowMs - YEAR_MS, notAfterMs: nowMs + VALID_MS })
  await storage.write(`${JSON.stringify(certificate)}\n`)
  return certificate
}

function parse(text: string | undefined): Certificate | undefined {
  try {
    return parseCertificate(JSON.parse(text ?? ''))
  } catch {
    return undefined
  }
}
