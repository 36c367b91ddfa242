/** The module that hashes 80-byte headers by SHA-256 twice, for any lanes. Sections and letters are those of FIPS 180-4. */
import { BLOCK_SIZE_BYTES, DIGEST_SIZE_BYTES } from '../../src/hash/compression.ts'
import { HEADER_SIZE_BYTES } from '../../src/hash/hash-headers.ts'
import {
  CONSTANTS_OFFSET,
  HEADERS_OFFSET,
  INITIAL_STATE_OFFSET,
  ROOTS_OFFSET,
  SCHEDULE_OFFSET,
  STATE_OFFSET,
} from '../../src/hash/header-hash-memory.ts'
import { add, assemble, call, constant, countUp, getLocal, I32, multiply, setLocal, teeLocal } from './assembler.ts'
import type { Code, WasmFunction } from './assembler.ts'
import type { Lanes } from './lanes.ts'

const STATE_WORDS = 8
const BLOCK_WORDS = 16
const HEADER_WORDS: number = HEADER_SIZE_BYTES / 4
const ROUNDS = 64
/** After eight rounds every letter is in its own local again. */
const ROUNDS_UNROLLED = 8

// Positions in the module.
const RESET = 0
const COMPRESS = 1

/** Exports `memory` (laid out as src/hash/header-hash-memory.ts says) and `hashHeaders(count)`. */
export function buildHeaderHash(lanes: Lanes): Uint8Array {
  return assemble([buildReset(lanes), buildCompress(lanes), buildHashHeaders(lanes)])
}

/** Begins a hash. 5.3.3. */
function buildReset(lanes: Lanes): WasmFunction {
  const at = 0
  const target = multiply(getLocal(at), constant(lanes.laneCount))
  const body = lanes.store(target, STATE_OFFSET, lanes.loadSpread(getLocal(at), INITIAL_STATE_OFFSET))
  return {
    parameters: [],
    locals: [I32],
    body: countUp({ index: at, from: 0, end: constant(4 * STATE_WORDS), step: 4, body }),
  }
}

/** Takes the block in the schedule's first 16 words into the state. 6.2.2. */
function buildCompress(lanes: Lanes): WasmFunction {
  const sizeBytes = 4 * lanes.laneCount
  const [at, constantAt, temporary, pair, earlierPair] = [0, 1, 2, 3, 4] as const
  const letters = Array.from({ length: STATE_WORDS }, (_, index) => 5 + index)
  const [, b = 0, c = 0] = letters
  const rounds = Array.from({ length: ROUNDS_UNROLLED }, (_, round) =>
    roundOf({
      lanes,
      letters: [...letters.slice(STATE_WORDS - round), ...letters.slice(0, STATE_WORDS - round)],
      roundConstant: lanes.loadSpread(getLocal(constantAt), CONSTANTS_OFFSET + 4 * round),
      word: lanes.load(getLocal(at), SCHEDULE_OFFSET + round * sizeBytes),
      temporary,
      pair: round % 2 === 0 ? pair : earlierPair,
      earlierPair: round % 2 === 0 ? earlierPair : pair,
    }),
  )
  const body = [
    ...countUp({
      index: at,
      from: 0,
      end: constant((ROUNDS - BLOCK_WORDS) * sizeBytes),
      step: sizeBytes,
      body: scheduleWord(lanes, at, temporary),
    }),
    ...letters.flatMap((letter, index) => setLocal(letter, stateWord(lanes, index))),
    ...setLocal(earlierPair, lanes.xor(getLocal(b), getLocal(c))),
    ...setLocal(constantAt, constant(0)),
    ...countUp({
      index: at,
      from: 0,
      end: constant(ROUNDS * sizeBytes),
      step: ROUNDS_UNROLLED * sizeBytes,
      body: [...rounds.flat(), ...setLocal(constantAt, add(getLocal(constantAt), constant(4 * ROUNDS_UNROLLED)))],
    }),
    ...letters.flatMap((letter, index) =>
      lanes.store(constant(0), STATE_OFFSET + index * sizeBytes, lanes.add(getLocal(letter), stateWord(lanes, index))),
    ),
  ]
  const words = [temporary, pair, earlierPair, ...letters].map(() => lanes.type)
  return { parameters: [], locals: [I32, I32, ...words], body }
}

function stateWord(lanes: Lanes, index: number): Code {
  return lanes.load(constant(0), STATE_OFFSET + index * 4 * lanes.laneCount)
}

/** The word that is 16 behind the one at the address in the local `at`. */
function scheduleWord(lanes: Lanes, at: number, temporary: number): Code {
  const sizeBytes = 4 * lanes.laneCount
  const earlier = (index: number): Code => lanes.load(getLocal(at), SCHEDULE_OFFSET + index * sizeBytes)
  const rotated = (bitCount: number): Code => lanes.rotateRight(getLocal(temporary), bitCount)
  const shifted = (bitCount: number): Code => lanes.shiftRight(getLocal(temporary), bitCount)
  const sigma0 = [...setLocal(temporary, earlier(1)), ...lanes.xor(lanes.xor(rotated(7), rotated(18)), shifted(3))]
  const sigma1 = [...setLocal(temporary, earlier(14)), ...lanes.xor(lanes.xor(rotated(17), rotated(19)), shifted(10))]
  const value = lanes.add(lanes.add(lanes.add(earlier(0), earlier(9)), sigma0), sigma1)
  return lanes.store(getLocal(at), SCHEDULE_OFFSET + BLOCK_WORDS * sizeBytes, value)
}

/** One round, which leaves the new e in the local of d, and the new a in that of h. */
function roundOf(args: {
  readonly lanes: Lanes
  /** Locals of a to h. */
  readonly letters: readonly number[]
  readonly roundConstant: Code
  readonly word: Code
  readonly temporary: number
  readonly pair: number
  readonly earlierPair: number
}): Code {
  const { lanes, letters, roundConstant, word, temporary, pair, earlierPair } = args
  const [a = 0, b = 0, , d = 0, e = 0, f = 0, g = 0, h = 0] = letters
  const rotated = (letter: number, bitCount: number): Code => lanes.rotateRight(getLocal(letter), bitCount)
  const sum0 = lanes.xor(lanes.xor(rotated(a, 2), rotated(a, 13)), rotated(a, 22))
  const sum1 = lanes.xor(lanes.xor(rotated(e, 6), rotated(e, 11)), rotated(e, 25))
  const choice = lanes.select(getLocal(e), getLocal(f), getLocal(g))
  const temporary1 = lanes.add(lanes.add(lanes.add(lanes.add(getLocal(h), roundConstant), word), choice), sum1)
  // The majority of a, b and c is b, but where b differs from both. b ^ c is the a ^ b of the round before.
  const isOther = lanes.and(teeLocal(pair, lanes.xor(getLocal(a), getLocal(b))), getLocal(earlierPair))
  const majority = lanes.xor(getLocal(b), isOther)
  return [
    ...setLocal(d, lanes.add(getLocal(d), teeLocal(temporary, temporary1))),
    ...setLocal(h, lanes.add(lanes.add(getLocal(temporary), sum0), majority)),
  ]
}

/** Hashes `count` headers, in whole groups of lanes. */
function buildHashHeaders(lanes: Lanes): WasmFunction {
  const [count, index, header, root, at] = [0, 1, 2, 3, 4] as const
  const firstWords = BLOCK_SIZE_BYTES / 4
  const restWords = HEADER_WORDS - firstWords
  const advance = (local: number, sizeBytes: number): Code =>
    setLocal(local, add(getLocal(local), constant(sizeBytes * lanes.laneCount)))
  const group = [
    ...call(RESET),
    ...readWords(lanes, { header, at, first: 0, wordCount: firstWords }),
    ...call(COMPRESS),
    ...readWords(lanes, { header, at, first: firstWords, wordCount: restWords }),
    ...padBlock(lanes, restWords, HEADER_SIZE_BYTES),
    ...call(COMPRESS),
    ...Array.from({ length: STATE_WORDS }, (_, word) =>
      lanes.store(constant(0), SCHEDULE_OFFSET + word * 4 * lanes.laneCount, stateWord(lanes, word)),
    ).flat(),
    ...padBlock(lanes, STATE_WORDS, DIGEST_SIZE_BYTES),
    ...call(RESET),
    ...call(COMPRESS),
    ...Array.from({ length: STATE_WORDS }, (_, word) =>
      lanes.scatter(add(getLocal(root), constant(4 * word)), DIGEST_SIZE_BYTES, stateWord(lanes, word)),
    ).flat(),
    ...advance(header, HEADER_SIZE_BYTES),
    ...advance(root, DIGEST_SIZE_BYTES),
  ]
  const body = [
    ...setLocal(header, constant(HEADERS_OFFSET)),
    ...setLocal(root, constant(ROOTS_OFFSET)),
    ...countUp({ index, from: 0, end: getLocal(count), step: lanes.laneCount, body: group }),
  ]
  return { parameters: [I32], locals: [I32, I32, I32, I32], body, exportName: 'hashHeaders' }
}

/** Reads words of the headers from `first` on into the schedule's beginning. */
function readWords(
  lanes: Lanes,
  args: { readonly header: number; readonly at: number; readonly first: number; readonly wordCount: number },
): Code {
  const { header, at, first, wordCount } = args
  const source = add(getLocal(header), getLocal(at))
  const target = multiply(getLocal(at), constant(lanes.laneCount))
  return countUp({
    index: at,
    from: 4 * first,
    end: constant(4 * (first + wordCount)),
    step: 4,
    body: lanes.store(target, SCHEDULE_OFFSET - first * 4 * lanes.laneCount, lanes.gather(source, HEADER_SIZE_BYTES)),
  })
}

/** Fills the block behind its first words, the last ones of a message of `sizeBytes`. 5.1.1. */
function padBlock(lanes: Lanes, wordCount: number, sizeBytes: number): Code {
  const words = [0x80000000, ...Array.from({ length: BLOCK_WORDS - wordCount - 2 }, () => 0), sizeBytes * 8]
  return words.flatMap((value, index) =>
    lanes.store(constant(0), SCHEDULE_OFFSET + (wordCount + index) * 4 * lanes.laneCount, lanes.spread(value)),
  )
}
