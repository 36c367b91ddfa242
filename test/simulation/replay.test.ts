import { expect, test } from 'vitest'
import { bitcoin } from '../../src/bitcoin.ts'
import { createLightNode } from '../../src/nodejs.ts'
import { sha256 } from '../../src/hash/sha256.ts'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from '../../src/wire/cid.ts'
import { startCounted } from '../interop/light-nodes.ts'
import { ReplayError, replayRecording } from './replay.ts'

const BYTES = new TextEncoder().encode('a block of content')
const CID = formatCid({
  version: 1,
  codec: CODEC_RAW,
  hashCode: HASH_SHA2_256,
  digestSizeBytes: 32,
  digest: sha256(BYTES),
})

/** All that happens to a light node that syncs some headers over TCP, fetches a block, sees a new header, and stops. */
async function recordRun(): Promise<{ lines: readonly string[]; head: string }> {
  const source = await startCounted({ isListening: true, isAuthority: true })
  await source.mine({ count: 300 })
  const lines: string[] = []
  const lightNode = await createLightNode({
    chain: bitcoin('regtest'),
    peers: [source.address()],
    record: (line) => lines.push(line),
  })
  try {
    await lightNode.ready()
    await source.lightNode.putBytes(CID, BYTES)
    expect(await lightNode.getBytes(CID)).toEqual(BYTES)
    const { root } = await source.mine({ count: 1 })
    for await (const head of lightNode.heads()) if (head.root === root) break
    return { lines: [...lines], head: lightNode.head.root }
  } finally {
    await lightNode.stop()
    await source.lightNode.stop()
  }
}

test('a recorded run is repeated to the same head, with every rule checked', async () => {
  const { lines, head } = await recordRun()
  const effects: string[] = []
  const replay = replayRecording({
    file: 'run.jsonl',
    text: `${lines.join('\n')}\n`,
    onStep: (step) => effects.push(...step.effects.map(({ type }) => type)),
  })
  expect(replay.view.head).toMatchObject({ root: head, height: 301 })
  expect(replay.stepCount).toBe(lines.length - 1)
  expect(effects).toContain('peer-ready')
  expect(effects.filter((type) => type === 'want-settled')).toHaveLength(1)

  // The same recording, damaged.
  const play = (text: string): unknown => replayRecording({ file: 'run.jsonl', text })
  const [first = '', second = ''] = lines
  expect(() => play('')).toThrow('run.jsonl:1: expected a line of JSON, got ""')
  expect(() => play('{}\n')).toThrow('run.jsonl:1: expected the head of a recording, got "{}"')
  expect(() => play(`${first.replace('bitcoin:regtest', 'dogecoin:main')}\n`)).toThrow(
    'run.jsonl:1: expected a chain of bitcoin:mainnet, bitcoin:testnet3',
  )
  expect(() => play(`${first}\n${second}\nnothing\n`)).toThrow('run.jsonl:3: expected a line of JSON, got "nothing"')
  expect(() => play(`${first}\n{"now":{"monotonicMs":1,"unixMs":1},"call":{"type":"tea"}}\n`)).toThrow(
    'run.jsonl:2: expected a call of type event, timeout or work, got "tea"',
  )
  // A process that was killed leaves half a line behind.
  expect(play(`${first}\n${second}\n{"now":{"mono`)).toMatchObject({ stepCount: 1 })
  expect(() => play(first)).toThrow(ReplayError)
})
