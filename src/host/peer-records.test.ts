/** Against libp2p's own signed peer records: RFC 0002 and RFC 0003. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord as Libp2pRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { PEER_RECORD_ADDRESSES_MAX, PEER_RECORD_BYTES_MAX } from '../core/limits.ts'
import { encodeEnvelope, decodeEnvelope } from '../wire/peer-record.ts'
import { openPeerRecord, sealPeerRecord } from './peer-records.ts'

const privateKey = await generateKeyPair('Ed25519')
const peer = peerIdFromPrivateKey(privateKey)
const ADDRESS = `/dns4/gateway.example/tcp/443/tls/ws/p2p/${peer.toString()}`

test('libp2p reads what we signed, and we read what libp2p signed', async () => {
  const ours = await sealPeerRecord({ privateKey, addresses: [ADDRESS], sequence: 1_700_000_000_000 })
  const opened = await RecordEnvelope.openAndCertify(ours.envelope, Libp2pRecord.DOMAIN)
  const read = Libp2pRecord.createFromProtobuf(opened.payload)
  expect(read.peerId.toString()).toBe(peer.toString())
  expect(read.seqNumber).toBe(1_700_000_000_000n)
  expect(read.multiaddrs.map(String)).toEqual(['/dns4/gateway.example/tcp/443/tls/ws'])

  const multiaddrs = [multiaddr('/ip4/1.2.3.4/tcp/1'), multiaddr(ADDRESS)]
  const record = new Libp2pRecord({ peerId: peer, multiaddrs, seqNumber: 7n })
  const theirs = (await RecordEnvelope.seal(record, privateKey)).marshal()
  expect(await openPeerRecord(theirs)).toEqual({
    peer: peer.toString(),
    sequence: 7,
    addresses: [`/ip4/1.2.3.4/tcp/1/p2p/${peer.toString()}`, ADDRESS],
    envelope: theirs,
  })
  expect(await openPeerRecord(ours.envelope)).toEqual(ours)
})

test('a record that somebody else signed, or changed, is refused', async () => {
  const stranger = await generateKeyPair('Ed25519')
  const { envelope } = await sealPeerRecord({ privateKey, addresses: [ADDRESS], sequence: 1 })
  const mine = decodeEnvelope(envelope)
  const theirs = decodeEnvelope((await sealPeerRecord({ privateKey: stranger, addresses: [], sequence: 1 })).envelope)
  const refusal = expect.objectContaining({ code: 'undecodable', message: expect.stringContaining('signed of itself') })
  // The stranger's own signature, over a payload that names another.
  const forged = await RecordEnvelope.seal(new Libp2pRecord({ peerId: peer, multiaddrs: [], seqNumber: 1n }), stranger)
  await expect(openPeerRecord(forged.marshal())).rejects.toEqual(refusal)
  await expect(openPeerRecord(encodeEnvelope({ ...mine, signature: theirs.signature }))).rejects.toEqual(refusal)
  await expect(openPeerRecord(encodeEnvelope({ ...mine, publicKey: theirs.publicKey }))).rejects.toEqual(refusal)
  const changed = mine.payload.slice()
  changed[changed.length - 1] = 0
  await expect(openPeerRecord(encodeEnvelope({ ...mine, payload: changed }))).rejects.toThrow()
  for (let sizeBytes = 0; sizeBytes < envelope.length; sizeBytes += 7) {
    await expect(openPeerRecord(envelope.subarray(0, sizeBytes))).rejects.toThrow()
  }
})

test('a record is signed with an Ed25519 key: others can be made to cost whatever their owner likes', async () => {
  const rsa = await generateKeyPair('RSA', 2048)
  const { envelope } = await sealPeerRecord({ privateKey: rsa, addresses: [], sequence: 1 })
  await expect(openPeerRecord(envelope)).rejects.toThrow('signed of itself')
})

test('of our addresses those that reach furthest are told, eight at most, in 1,024 bytes', async () => {
  const local = `/ip4/127.0.0.1/tcp/1/p2p/${peer.toString()}`
  const lan = `/ip4/192.168.1.4/tcp/1/p2p/${peer.toString()}`
  const told = async (addresses: readonly string[]): Promise<readonly string[]> =>
    (await sealPeerRecord({ privateKey, addresses, sequence: 1 })).addresses
  expect(await told([local, lan, ADDRESS])).toEqual([ADDRESS])
  expect(await told([local, lan])).toEqual([lan])
  expect(await told([local])).toEqual([local])
  expect(await told([])).toEqual([])

  const certhash = 'certhash/uEiAkH5a4DPGKUuOBjYw0CgwjLa2R_RF71v86aVxlqdKNOQ'
  const many = Array.from(
    { length: 20 },
    (_, index) => `/ip4/1.2.3.${index}/udp/1/quic-v1/webtransport/${certhash}/${certhash}/p2p/${peer.toString()}`,
  )
  const record = await sealPeerRecord({ privateKey, addresses: many, sequence: 2 ** 53 - 1 })
  expect(record.addresses).toEqual(many.slice(0, record.addresses.length))
  expect(record.addresses.length).toBeGreaterThanOrEqual(PEER_RECORD_ADDRESSES_MAX)
  expect(record.envelope.length).toBeLessThanOrEqual(PEER_RECORD_BYTES_MAX)
  expect(await openPeerRecord(record.envelope)).toEqual(record)
})
