/** `kill -9` at random moments while a light node writes: nothing wrong is ever shown or served, and only the tail is fetched again. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { expect, onTestFinished, test } from 'vitest'
import { createRandomSource } from '../../src/core/random.ts'
import type { CountedLightNode } from './light-nodes.ts'
import { startCounted, untilHead } from './light-nodes.ts'

const KILL_COUNT = 50
const LINES_MAX = 24
const REORG_DEPTH_MAX = 3

test(`a light node killed ${KILL_COUNT} times while it writes`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rushlight-kill-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const miner = await startCounted({ isListening: true, isAuthority: true })
  onTestFinished(() => miner.lightNode.stop())
  await miner.mine({ count: 2_500 })
  const trial = new Trial({ miner, script: await bundleChild(folder), directory: join(folder, 'data') })
  for (let count = 0; count < KILL_COUNT; count += 1) await trial.runUntilKilled()

  expect(trial.writtenCount).toBeGreaterThan(KILL_COUNT)
  expect(trial.readyCount).toBeGreaterThan(KILL_COUNT / 2)
  // Whatever it served was judged by the miner, which strikes for a single wrong header.
  expect(miner.warnings).toEqual([])
  await expectSameChain(trial.directory, miner)
})

/** One file, because a process that reads a thousand takes a second to start. */
async function bundleChild(folder: string): Promise<string> {
  const outfile = join(folder, 'light-node-child.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, 'light-node-child.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    logLevel: 'error',
    // Under a name of its own: what is bundled may import the same.
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'\nconst require = makeRequire(import.meta.url)",
    },
  })
  return outfile
}

class Trial {
  readonly directory: string
  writtenCount = 0
  readyCount = 0
  readonly #miner: CountedLightNode
  readonly #script: string
  readonly #random = createRandomSource(20_260_101)
  /** Headers that were in the store for sure when the last one was killed. */
  #acknowledgedCount = 0
  #storedRoot = ''
  #salt = 1

  constructor(options: { miner: CountedLightNode; script: string; directory: string }) {
    this.#miner = options.miner
    this.#script = options.script
    this.directory = options.directory
  }

  async runUntilKilled(): Promise<void> {
    const killAtLine = 1 + this.#upTo(LINES_MAX)
    const child = spawn(process.execPath, [this.#script, this.directory, this.#miner.address()], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: `${this.#script}.cache` },
    })
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.once('close', (_code, signal) => resolve(signal)),
    )
    let problems = ''
    child.stderr.on('data', (text: Buffer) => (problems += text.toString()))
    let lineCount = 0
    for await (const line of createInterface(child.stdout)) {
      lineCount += 1
      if (lineCount === killAtLine) void this.#soon(() => child.kill('SIGKILL'))
      await this.#judge(line)
    }
    if ((await ended) !== 'SIGKILL') throw new Error(`the light node ended by itself: ${problems}`)
  }

  /** Some turns later, so that the kill falls anywhere between two lines. */
  async #soon(kill: () => void): Promise<void> {
    for (let turns = this.#upTo(50); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve))
    kill()
  }

  async #judge(line: string): Promise<void> {
    const [what = '', ...words] = line.split(' ')
    switch (what) {
      case 'stored':
        return this.#judgeStored(Number(words[0]), words[1] ?? '')
      case 'ready':
        await this.#judgeReady(Number(words[0]), words[1] ?? '', Number(words[2]))
        return this.#mineMore()
      case 'head':
        await this.#judgeKnown(Number(words[0]), words[1] ?? '')
        if (words[1] === this.#miner.lightNode.head.root) await this.#mineMore()
        return
      case 'written':
        this.writtenCount += 1
        this.#acknowledgedCount = Number(words[0])
        return
      default:
        // A kill may tear the record that is being written; nothing else is ever wrong with the store.
        expect(line).toMatch(/^warning store-tail-dropped: .* cut off \d+ torn or damaged bytes/)
    }
  }

  async #judgeStored(height: number, root: string): Promise<void> {
    await this.#judgeKnown(height, root)
    expect(height + 1).toBeGreaterThanOrEqual(this.#acknowledgedCount)
    this.#storedRoot = root
  }

  async #judgeReady(height: number, root: string, fetchedCount: number): Promise<void> {
    this.readyCount += 1
    expect(root).toBe(this.#miner.lightNode.head.root)
    let header = await this.#miner.lightNode.getHeader(this.#storedRoot)
    while (header?.isOnBestChain === false) header = await this.#miner.lightNode.getHeader(header.parent)
    // Everything above the last common header, and that one again where it is the head: a peer confirms it so.
    expect(fetchedCount).toBeLessThanOrEqual(height - (header?.height ?? 0) + 1)
  }

  /** The miner made that header, so it is right. */
  async #judgeKnown(height: number, root: string): Promise<void> {
    expect(await this.#miner.lightNode.getHeader(root)).toMatchObject({ height })
  }

  /** Mostly one header, now and then many, or a few that replace the last ones. */
  async #mineMore(): Promise<void> {
    const kind = this.#upTo(10)
    const { height } = this.#miner.lightNode.head
    const depth = kind === 0 ? 1 + this.#upTo(REORG_DEPTH_MAX) : 0
    const count = depth + 1 + (kind === 1 ? this.#upTo(400) : 0)
    await this.#miner.mine({ count, onHeight: height - depth, salt: this.#salt++ })
  }

  /** A whole number below `count`. */
  #upTo(count: number): number {
    return Math.floor(this.#random() * count)
  }
}

/** What is in the folder at the end verifies, and becomes the miner's chain. */
async function expectSameChain(directory: string, miner: CountedLightNode): Promise<void> {
  const reader = await startCounted({ directory, peers: [miner.address()] })
  onTestFinished(() => reader.lightNode.stop())
  await untilHead(reader.lightNode, miner.lightNode.head.root)
  for (let height = 0; height <= reader.lightNode.head.height; height += 97) {
    expect(await reader.lightNode.getHeader(height)).toEqual(await miner.lightNode.getHeader(height))
  }
}
