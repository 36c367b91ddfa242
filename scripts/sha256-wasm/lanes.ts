/** What the header hash is made of, for one header at a time and for four side by side. */
import { constant, I32, operate, operateVector, reach, V128 } from './assembler.ts'
import type { Code, ValueType } from './assembler.ts'

/** A word is 32 bits of each of `laneCount` headers. Operands may be put in twice: they only read. */
export interface Lanes {
  readonly laneCount: number
  readonly type: ValueType
  load(address: Code, offset: number): Code
  store(address: Code, offset: number, value: Code): Code
  /** A word with the same 32 bits of memory in every lane. */
  loadSpread(address: Code, offset: number): Code
  spread(value: number): Code
  add(left: Code, right: Code): Code
  and(left: Code, right: Code): Code
  xor(left: Code, right: Code): Code
  shiftRight(word: Code, bitCount: number): Code
  rotateRight(word: Code, bitCount: number): Code
  /** Bits of `ones` where the mask has ones, of `zeros` elsewhere. */
  select(mask: Code, ones: Code, zeros: Code): Code
  /** A big-endian word of each header; headers are `strideBytes` apart. */
  gather(address: Code, strideBytes: number): Code
  scatter(address: Code, strideBytes: number, word: Code): Code
}

export const SCALAR: Lanes = {
  laneCount: 1,
  type: I32,
  load: (address, offset) => [...address, 0x28, ...reach(offset)],
  store: (address, offset, value) => [...address, ...value, 0x36, ...reach(offset)],
  loadSpread: (address, offset) => SCALAR.load(address, offset),
  spread: (value) => constant(value),
  add: (left, right) => operate(0x6a, left, right),
  and: (left, right) => operate(0x71, left, right),
  xor: (left, right) => operate(0x73, left, right),
  shiftRight: (word, bitCount) => operate(0x76, word, constant(bitCount)),
  rotateRight: (word, bitCount) => operate(0x78, word, constant(bitCount)),
  select: (mask, ones, zeros) => SCALAR.xor(zeros, SCALAR.and(mask, SCALAR.xor(ones, zeros))),
  gather: (address) => swapBytes(SCALAR.load(address, 0)),
  scatter: (address, _strideBytes, word) => SCALAR.store(address, 0, swapBytes(word)),
}

function swapBytes(word: Code): Code {
  const evenBytes = SCALAR.and(SCALAR.rotateRight(word, 8), constant(0xff00ff00))
  const oddBytes = SCALAR.and(SCALAR.rotateRight(word, 24), constant(0x00ff00ff))
  return SCALAR.xor(evenBytes, oddBytes)
}

const LANE_INDEXES = [0, 1, 2, 3] as const

export const FOUR_LANES: Lanes = {
  laneCount: LANE_INDEXES.length,
  type: V128,
  load: (address, offset) => operateVector(0x00, [address], reach(offset)),
  store: (address, offset, value) => operateVector(0x0b, [address, value], reach(offset)),
  loadSpread: (address, offset) => operateVector(0x09, [address], reach(offset)),
  spread: (value) => operateVector(0x11, [constant(value)]),
  add: (left, right) => operateVector(0xae, [left, right]),
  and: (left, right) => operateVector(0x4e, [left, right]),
  xor: (left, right) => operateVector(0x51, [left, right]),
  shiftRight: (word, bitCount) => operateVector(0xad, [word, constant(bitCount)]),
  rotateRight: (word, bitCount) => {
    const shiftedLeft = operateVector(0xab, [word, constant(32 - bitCount)])
    return operateVector(0x50, [FOUR_LANES.shiftRight(word, bitCount), shiftedLeft])
  },
  select: (mask, ones, zeros) => operateVector(0x52, [ones, zeros, mask]),
  gather: (address, strideBytes) => {
    const lane0 = operateVector(0x5c, [address], reach(0))
    const words = LANE_INDEXES.slice(1).reduce<Code>(
      (others, lane) => operateVector(0x56, [address, others], [...reach(lane * strideBytes), lane]),
      lane0,
    )
    return swapBytesOfLanes(words)
  },
  scatter: (address, strideBytes, word) =>
    LANE_INDEXES.flatMap((lane) =>
      operateVector(0x5a, [address, swapBytesOfLanes(word)], [...reach(lane * strideBytes), lane]),
    ),
}

/** The bytes of each lane in the other order, by a swizzle. */
function swapBytesOfLanes(word: Code): Code {
  const order = operateVector(
    0x0c,
    [],
    LANE_INDEXES.flatMap((lane) => [3, 2, 1, 0].map((byte) => 4 * lane + byte)),
  )
  return operateVector(0x0e, [word, order])
}
