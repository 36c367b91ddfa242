/** The types of `rushlight`, the same for its browser and its Node.js build. */
import type { CreateLightNode } from './driver/api.ts'

export type * from './driver/api.ts'
export { LightNodeError } from './driver/api.ts'
export { VERSION } from './driver/version.ts'

/**
 * Starts a light node. Rejects with `LightNodeError`: `invalid-option`, `invalid-address`, `wrong-chain`, `store-unavailable`,
 * `store-locked`, `quota-exceeded`.
 */
export declare const createLightNode: CreateLightNode
