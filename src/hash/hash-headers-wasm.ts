/** SHA-256 twice over headers of 80 bytes by the WebAssembly modules that scripts/build-sha256-wasm.ts makes. */
import { DIGEST_SIZE_BYTES, writeConstants } from './compression.ts'
import { HEADER_SIZE_BYTES, hashHeadersPlain } from './hash-headers.ts'
import type { HashHeaders } from './hash-headers.ts'
import { BATCH_HEADERS, HEADERS_OFFSET, ROOTS_OFFSET } from './header-hash-memory.ts'

/** As much of WebAssembly's API as is used here: the pure layers are compiled without the platform's types. */
interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: object }
}

interface HeaderHashExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  /** Hashes whole groups of lanes: up to three headers more than `count`, which nobody reads. */
  hashHeaders(count: number): void
}

/**
 * Compiles one of the modules. `undefined` where WebAssembly is absent, refused (by a page's policy, or for want of
 * address space), or does not know the module's instructions. Has a page of memory of its own, 64 KiB.
 */
export function createHashHeadersWasm(moduleHex: string): HashHeaders | undefined {
  const { WebAssembly: wasm } = globalThis as { readonly WebAssembly?: WasmApi }
  if (wasm === undefined) return undefined
  try {
    return hashBy(new wasm.Instance(new wasm.Module(bytesOfHex(moduleHex))).exports as HeaderHashExports)
  } catch {
    return undefined
  }
}

function hashBy(module: HeaderHashExports): HashHeaders {
  const memory = new Uint8Array(module.memory.buffer)
  writeConstants(new Int32Array(module.memory.buffer))
  return (headers, offset, count, roots) => {
    // A single header is hashed before it would be copied there and back.
    if (count === 1) {
      hashHeadersPlain(headers, offset, count, roots)
      return
    }
    for (let done = 0; done < count; done += BATCH_HEADERS) {
      const batchCount = Math.min(count - done, BATCH_HEADERS)
      const start = offset + done * HEADER_SIZE_BYTES
      memory.set(headers.subarray(start, start + batchCount * HEADER_SIZE_BYTES), HEADERS_OFFSET)
      module.hashHeaders(batchCount)
      const batchRoots = memory.subarray(ROOTS_OFFSET, ROOTS_OFFSET + batchCount * DIGEST_SIZE_BYTES)
      roots.set(batchRoots, done * DIGEST_SIZE_BYTES)
    }
  }
}

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  )
}
