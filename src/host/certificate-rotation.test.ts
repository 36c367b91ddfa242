import { createHash, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  certificatesAt,
  changesAtMs,
  type Certificates,
  type CertificateStorage,
} from './certificate-rotation.nodejs.ts'
import { fingerprintOf, type Certificate } from './certificate.nodejs.ts'

const DAY_MS = 86_400_000
const START_MS: number = Date.UTC(2026, 0, 1)

function storageOf(text?: string): CertificateStorage & { readonly writes: string[] } {
  const writes: string[] = text === undefined ? [] : [text]
  return { writes, read: async () => writes.at(-1), write: async (given) => void writes.push(given) }
}

const good = ({ notBeforeMs, notAfterMs }: Certificate, nowMs: number): boolean =>
  notBeforeMs <= nowMs && nowMs < notAfterMs

test('a certificate is what a browser takes by its hash: P-256, less than two weeks, with an extension', async () => {
  const { current } = await certificatesAt(START_MS, storageOf())
  const parsed = new X509Certificate(current.certificatePem)
  expect(parsed.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' })
  expect(parsed.verify(parsed.publicKey)).toBe(true)
  expect(Date.parse(parsed.validFrom)).toBe(current.notBeforeMs)
  expect(Date.parse(parsed.validTo)).toBe(current.notAfterMs)
  expect(current.notAfterMs - current.notBeforeMs).toBeLessThan(14 * DAY_MS)
  expect(Buffer.from(fingerprintOf(current))).toEqual(createHash('sha256').update(parsed.raw).digest())
})

test('a restart keeps them, and writes nothing', async () => {
  const storage = storageOf()
  const first = await certificatesAt(START_MS, storage)
  expect(await certificatesAt(START_MS + 10 * DAY_MS, storage)).toEqual(first)
  expect(storage.writes).toHaveLength(1)
})

test('over 100 days there is always one that is good, announced before it was used, and remembered after', async () => {
  const storage = storageOf()
  let before: Certificates = await certificatesAt(START_MS, storage)
  let changeCount = 0
  for (let nowMs = START_MS; nowMs < START_MS + 100 * DAY_MS; nowMs += DAY_MS / 4) {
    const certificates = await certificatesAt(nowMs, storage)
    expect(good(certificates.current, nowMs)).toBe(true)
    if (certificates.current.certificatePem !== before.current.certificatePem) {
      changeCount++
      expect(certificates.current).toEqual(before.next)
      expect(certificates.last).toEqual(before.current)
      expect(good(before.current, nowMs)).toBe(true)
    }
    expect(nowMs).toBeLessThan(changesAtMs(certificates))
    before = certificates
  }
  expect(changeCount).toBe(9)
})

test.each([
  ['nothing', undefined],
  ['no JSON', '{'],
  ['something else', '{"current":1,"next":{}}'],
])('where %s is stored, and after a long rest, there are new ones', async (_name, text) => {
  const storage = storageOf(text)
  const first = await certificatesAt(START_MS, storage)
  expect(good(first.current, START_MS)).toBe(true)
  const later = await certificatesAt(START_MS + 60 * DAY_MS, storage)
  expect(good(later.current, START_MS + 60 * DAY_MS)).toBe(true)
  expect(later.last).toBeUndefined()
})

test('a clock that was ahead and is put right gets new ones', async () => {
  const storage = storageOf()
  await certificatesAt(START_MS + 60 * DAY_MS, storage)
  expect(good((await certificatesAt(START_MS, storage)).current, START_MS)).toBe(true)
})
