import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { doubleSha256, sha256 } from './sha256.ts'

test.each([
  // FIPS 180-4's examples (NIST, "SHA256.pdf"), then NIST CAVP SHA256ShortMsg.rsp, Len = 8 and 16.
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  ['\u00d3', '28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1'],
  ['\u0011\u00af', '5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98'],
  ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
])('the standard says what %.60s hashes to', (message, digest) => {
  expect(Buffer.from(sha256(Buffer.from(message, 'latin1'))).toString('hex')).toBe(digest)
})

test('every length up to 300 bytes, and those around 1 MiB, hash as OpenSSL hashes them, from any offset', () => {
  const mebibyte = 2 ** 20
  const bytes = new Uint8Array(randomBytes(mebibyte + 80))
  const lengths = Array.from({ length: 301 }, (_, length) => length)
  for (const difference of [-65, -64, -9, -8, -1, 0, 1, 55, 56, 63, 64]) lengths.push(mebibyte + difference)
  for (const length of lengths) {
    const message = bytes.subarray(length % 5, (length % 5) + length)
    expect(sha256(message), `length ${length}`).toEqual(opensslSha256(message))
    expect(doubleSha256(message), `length ${length}`).toEqual(opensslSha256(opensslSha256(message)))
  }
})

test('a digest is the caller’s own, and the next hash leaves it alone', () => {
  const first = sha256(new Uint8Array(3))
  const copy = first.slice()
  sha256(new Uint8Array(4))
  expect(first).toEqual(copy)
})

function opensslSha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}
