/** The types of `rushlight`, the same for its browser and its Node.js build. */
import type { CreateLightNode, ExportHeaders, ImportHeaders } from './driver/api.ts'
import type { Diagnose } from './host/examination.ts'

export type * from './driver/api.ts'
export { LightNodeError } from './driver/api.ts'
export { VERSION } from './driver/version.ts'
export type * from './host/examination.ts'
export { describeExamination } from './host/examination.ts'

/**
 * Starts a light node. Rejects with `LightNodeError`: `invalid-option`, `invalid-address`, `wrong-chain`, `store-unavailable`,
 * `store-locked`, `quota-exceeded`.
 */
export declare const createLightNode: CreateLightNode

/** The connection doctor. An app that does not import it does not carry it. */
export declare const diagnose: Diagnose

export declare const importHeaders: ImportHeaders
export declare const exportHeaders: ExportHeaders
