import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** Self-signed, ECDSA on P-256: the only kind that a browser takes by its hash (W3C WebTransport, custom certificates). */
export interface Certificate {
  readonly certificatePem: string
  readonly keyPem: string
  /** Unix milliseconds; whole seconds. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

// X.690 tags.
const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const OBJECT_IDENTIFIER = 0x06
const UTF8_STRING = 0x0c
const SEQUENCE = 0x30
const SET = 0x31
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const VERSION = 0xa0
const EXTENSIONS = 0xa3

/** RFC 5758, 3.2: ecdsa-with-SHA256 (1.2.840.10045.4.3.2). */
const ECDSA_WITH_SHA256 = Buffer.from('2a8648ce3d040302', 'hex')
/** RFC 5280, appendix A: id-at-commonName (2.5.4.3). */
const COMMON_NAME = Buffer.from('550403', 'hex')
/** RFC 5280, 4.2.1.9: id-ce-basicConstraints (2.5.29.19). */
const BASIC_CONSTRAINTS = Buffer.from('551d13', 'hex')
/** RFC 5280, 4.1.2.5: up to this year times have two digits of it. */
const UTC_TIME_YEAR_MAX = 2049

export function createCertificate({
  notBeforeMs,
  notAfterMs,
}: Pick<Certificate, 'notBeforeMs' | 'notAfterMs'>): Certificate {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const algorithm = der(SEQUENCE, der(OBJECT_IDENTIFIER, ECDSA_WITH_SHA256))
  const commonName = der(SEQUENCE, der(OBJECT_IDENTIFIER, COMMON_NAME), der(UTF8_STRING, Buffer.from('rushlight')))
  const name = der(SEQUENCE, der(SET, commonName))
  // Chromium takes no certificate of version 3 without an extension.
  const noAuthority = der(SEQUENCE, der(OBJECT_IDENTIFIER, BASIC_CONSTRAINTS), der(OCTET_STRING, der(SEQUENCE)))
  // RFC 5280, 4.1: TBSCertificate of version 3.
  const certificate = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, Buffer.of(2))),
    // Positive, and not shortened by a leading zero.
    der(INTEGER, Buffer.concat([Buffer.of(0x40), randomBytes(15)])),
    algorithm,
    name,
    der(SEQUENCE, time(notBeforeMs), time(notAfterMs)),
    name,
    publicKey,
    der(EXTENSIONS, der(SEQUENCE, noAuthority)),
  )
  const signature = sign('sha256', certificate, privateKey)
  const signed = der(SEQUENCE, certificate, algorithm, der(BIT_STRING, Buffer.of(0), signature))
  return {
    certificatePem: pem(signed),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    notBeforeMs: Math.floor(notBeforeMs / 1000) * 1000,
    notAfterMs: Math.floor(notAfterMs / 1000) * 1000,
  }
}

/** SHA-256 of the certificate, as addresses name it. */
export function fingerprintOf({ certificatePem }: Certificate): Uint8Array {
  const base64 = certificatePem.split('\n').filter((line) => !line.startsWith('-----'))
  return createHash('sha256')
    .update(Buffer.from(base64.join(''), 'base64'))
    .digest()
}

/** What was stored and read back; undefined when it is no certificate of ours. */
export function parseCertificate(value: unknown): Certificate | undefined {
  const { certificatePem, keyPem, notBeforeMs, notAfterMs } = Object(value) as Readonly<Record<string, unknown>>
  if (typeof certificatePem !== 'string' || typeof keyPem !== 'string') return undefined
  if (typeof notBeforeMs !== 'number' || typeof notAfterMs !== 'number') return undefined
  try {
    createPrivateKey(keyPem)
  } catch {
    return undefined
  }
  return { certificatePem, keyPem, notBeforeMs, notAfterMs }
}

function time(unixMs: number): Buffer {
  const digits = new Date(unixMs).toISOString().replace(/\.\d+|[-:T]/g, '')
  return Number(digits.slice(0, 4)) > UTC_TIME_YEAR_MAX
    ? der(GENERALIZED_TIME, Buffer.from(digits))
    : der(UTC_TIME, Buffer.from(digits.slice(2)))
}

/** X.690, 8.1: tag, length, contents. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content])
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), content])
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content])
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
