/**
 * As much of a WebAssembly assembler as the header hash needs: expressions are bytes, put together by functions.
 * Opcodes and sections: WebAssembly Core Specification 2.0, chapter 5, "Binary Format".
 */

/** Bytes of instructions; what they leave on the stack is the value of the expression. */
export type Code = readonly number[]

export const I32 = 0x7f
export const V128 = 0x7b
export type ValueType = typeof I32 | typeof V128

/** Without results. Parameters are the first locals. */
export interface WasmFunction {
  readonly parameters: readonly ValueType[]
  readonly locals: readonly ValueType[]
  readonly body: Code
  readonly exportName?: string
}

/** LEB128, unsigned. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

/** LEB128, signed, of 32 bits. */
function signed(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)]
}

export function getLocal(index: number): Code {
  return [0x20, ...unsigned(index)]
}

export function setLocal(index: number, value: Code): Code {
  return [...value, 0x21, ...unsigned(index)]
}

/** Sets it and is the value. */
export function teeLocal(index: number, value: Code): Code {
  return [...value, 0x22, ...unsigned(index)]
}

export function constant(value: number): Code {
  return [0x41, ...signed(value | 0)]
}

export function call(functionIndex: number): Code {
  return [0x10, ...unsigned(functionIndex)]
}

/** An operator of one byte behind its operands. */
export function operate(opcode: number, ...operands: readonly Code[]): Code {
  return [...operands.flat(), opcode]
}

/** A vector operator behind its operands; `immediates` follow it. */
export function operateVector(opcode: number, operands: readonly Code[], immediates: Code = []): Code {
  return [...operands.flat(), 0xfd, ...unsigned(opcode), ...immediates]
}

export function add(left: Code, right: Code): Code {
  return operate(0x6a, left, right)
}

export function multiply(left: Code, right: Code): Code {
  return operate(0x6c, left, right)
}

/** Where a load or store reaches: at `offset` from its address. Aligned to bytes: what V8 makes of it is the same. */
export function reach(offset: number): Code {
  return [0, ...unsigned(offset)]
}

/** Runs `body` with the local `index` at `from`, and on in steps of `step` while it is below `end`; once at least. */
export function countUp(args: {
  readonly index: number
  readonly from: number
  readonly end: Code
  readonly step: number
  readonly body: Code
}): Code {
  const { index, from, end, step, body } = args
  const next = teeLocal(index, add(getLocal(index), constant(step)))
  const isBelowEnd = operate(0x49, next, end)
  return [...setLocal(index, constant(from)), 0x03, 0x40, ...body, ...isBelowEnd, 0x0d, 0, 0x0b]
}

/** A module of these functions and of one page of memory, exported as `memory`. */
export function assemble(functions: readonly WasmFunction[]): Uint8Array {
  const types = functions.map(({ parameters }) => [0x60, ...list(parameters.map((type) => [type])), 0])
  const exported = functions.flatMap(({ exportName }, index) =>
    exportName === undefined ? [] : [[...text(exportName), 0x00, ...unsigned(index)]],
  )
  const bodies = functions.map(({ locals, body }) => {
    const code = [...list(locals.map((type) => [1, type])), ...body, 0x0b]
    return [...unsigned(code.length), ...code]
  })
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...section(3, list(functions.map((_, index) => unsigned(index)))),
    ...section(5, list([[0x01, 1, 1]])),
    ...section(7, list([...exported, [...text('memory'), 0x02, 0]])),
    ...section(10, list(bodies)),
  ])
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content]
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()]
}

function text(characters: string): Code {
  return list(Array.from(characters, (character) => [character.charCodeAt(0)]))
}
