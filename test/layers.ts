/** The import table of the design: who may import whom, and which npm packages. Anything not listed is forbidden. */
import { cruise } from 'dependency-cruiser'
import type { ICruiseResult, IDependency, IModule } from 'dependency-cruiser'

interface Layer {
  readonly name: string
  readonly files: RegExp
  /** Files of src and web it may import, besides its own. */
  readonly mayImport: readonly RegExp[]
  readonly packages: readonly RegExp[]
  /** `node:*`: only where a file's name or place says that it never reaches a tab. */
  readonly builtins: 'none' | 'nodejs-files' | 'all'
}

const CORE = /^src\/core\//
const WIRE = /^src\/wire\//
const HASH = /^src\/hash\//
const CHAIN = /^src\/chain\//
const HOST = /^src\/host\//
const STORE = /^src\/store\//
const DRIVER = /^src\/driver\//
const NODEJS_FILE = /\.nodejs\.ts$/
const BITCOIN_ENTRY = /^src\/bitcoin\.ts$/
/** The doctor is a part of it that a page may load by itself. */
const BROWSER_ENTRY = /^src\/browser(-doctor)?\.ts$/
const NODEJS_ENTRY = /^src\/nodejs\.ts$/
const NOT_NODEJS = '(?!.*\\.nodejs\\.ts$)'
const NOT_BROWSER = '(?!.*\\.browser\\.ts$)'

/** The first layer whose `files` fit is a file's layer. */
const LAYERS: readonly Layer[] = [
  { name: 'core', files: CORE, mayImport: [], packages: [], builtins: 'none' },
  // DIFF FROM SPEC: the design's table gives wire nothing; it encodes the core's messages, so it may name their words.
  {
    name: 'wire',
    files: WIRE,
    mayImport: [/^src\/core\/(message|ids|limits|assert|join-bytes|free-bytes|hex|exchange\/exchange-message)\.ts$/],
    packages: [/^multiformats(\/|$)/, /^protons-runtime$/, /^uint8array(s|list)(\/|$)/],
    builtins: 'none',
  },
  { name: 'hash', files: HASH, mayImport: [], packages: [], builtins: 'none' },
  { name: 'chain', files: CHAIN, mayImport: [CORE, WIRE, HASH], packages: [], builtins: 'none' },
  {
    name: 'host',
    files: HOST,
    mayImport: [CORE, WIRE],
    packages: [
      /^libp2p$/,
      /^@libp2p\//,
      /^@multiformats\/multiaddr(\/|$)/,
      /^multiformats(\/|$)/,
      /^uint8array(s|list)(\/|$)/,
      // WebRTC's native part, which @libp2p/webrtc loads in Node.js.
      /^node-datachannel$/,
    ],
    builtins: 'nodejs-files',
  },
  { name: 'store', files: STORE, mayImport: [CORE], packages: [], builtins: 'nodejs-files' },
  {
    name: 'driver',
    files: DRIVER,
    mayImport: [CORE, WIRE, /^src\/host\/host\.ts$/, /^src\/store\/(block-)?store\.ts$/],
    packages: [],
    builtins: 'none',
  },
  { name: 'bitcoin.ts', files: BITCOIN_ENTRY, mayImport: [CORE, HASH, CHAIN], packages: [], builtins: 'none' },
  {
    name: 'rushlight.ts',
    files: /^src\/rushlight\.ts$/,
    mayImport: [/^src\/(driver\/(api|version)|host\/examination)\.ts$/],
    packages: [],
    builtins: 'none',
  },
  {
    name: 'browser.ts',
    files: BROWSER_ENTRY,
    mayImport: [CORE, WIRE, HASH, CHAIN, DRIVER, new RegExp(`^${NOT_NODEJS}src/(host|store)/`)],
    packages: [],
    builtins: 'none',
  },
  {
    name: 'nodejs.ts',
    files: NODEJS_ENTRY,
    mayImport: [CORE, WIRE, HASH, CHAIN, DRIVER, BITCOIN_ENTRY, new RegExp(`^${NOT_BROWSER}src/(host|store)/`)],
    packages: [],
    builtins: 'all',
  },
  { name: 'cli', files: /^src\/cli\//, mayImport: [NODEJS_ENTRY], packages: [/^prom-client$/], builtins: 'all' },
  {
    name: 'web',
    files: /^web\//,
    mayImport: [BROWSER_ENTRY, BITCOIN_ENTRY],
    packages: [/^lit(\/|$)/, /^lean-qr(\/|$)/],
    builtins: 'none',
  },
]

export interface LayerReport {
  /** How many files of src and web were read: compare it with the disk, a cruise that finds nothing passes too. */
  readonly moduleCount: number
  /** One line each: file, what it imports, why not. */
  readonly violations: readonly string[]
}

/** Reads every import, types included, below `folder`/src and `folder`/web; tests beside the sources are left out. */
export async function checkLayers(folder: string): Promise<LayerReport> {
  const { output } = await cruise(['src', 'web'], {
    baseDir: folder,
    exclude: { path: ['\\.test\\.ts$'] },
    doNotFollow: { path: ['node_modules'] },
    tsPreCompilationDeps: true,
    validate: true,
    ruleSet: { forbidden: [{ name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } }] },
  })
  if (typeof output === 'string') throw new Error(`expected a cruise result, got: ${output}`)
  const modules = output.modules.filter((module) => /^(src|web)\/.*\.ts$/.test(module.source))
  return { moduleCount: modules.length, violations: [...modules.flatMap(violationsOf), ...cyclesOf(output)] }
}

function violationsOf(module: IModule): readonly string[] {
  const layer = LAYERS.find((candidate) => candidate.files.test(module.source))
  if (layer === undefined) return [`${module.source}: belongs to no layer`]
  return module.dependencies
    .filter((dependency) => !isAllowed(module.source, layer, dependency))
    .map((dependency) =>
      dependency.module.startsWith('.') && dependency.couldNotResolve
        ? `${module.source} imports ${dependency.module}, which does not exist`
        : `${module.source} (${layer.name}) may not import ${nameOf(dependency)}`,
    )
}

function isAllowed(source: string, layer: Layer, dependency: IDependency): boolean {
  if (dependency.module.startsWith('.')) return isFileAllowed(source, layer, dependency)
  if (dependency.coreModule) return isBuiltinAllowed(source, layer)
  return layer.packages.some((pattern) => pattern.test(dependency.module))
}

function isFileAllowed(source: string, layer: Layer, dependency: IDependency): boolean {
  if (dependency.couldNotResolve) return false
  const target = dependency.resolved
  // A nodejs-suffixed file is reached only from its like and from the Node.js entry, so that no tab loads it.
  if (NODEJS_FILE.test(target) && !NODEJS_FILE.test(source) && !NODEJS_ENTRY.test(source)) return false
  const isAsset = layer.name === 'web' && target.startsWith('web/')
  return isAsset || [layer.files, ...layer.mayImport].some((pattern) => pattern.test(target))
}

function isBuiltinAllowed(source: string, layer: Layer): boolean {
  return layer.builtins === 'all' || (layer.builtins === 'nodejs-files' && NODEJS_FILE.test(source))
}

function nameOf(dependency: IDependency): string {
  if (dependency.coreModule) return `node:${dependency.module.replace(/^node:/, '')}`
  return dependency.module.startsWith('.') ? dependency.resolved : dependency.module
}

function cyclesOf(result: ICruiseResult): readonly string[] {
  return result.summary.violations.map((violation) => {
    const path = (violation.cycle ?? []).map((step) => step.name)
    return `${violation.from} is in a cycle: ${path.join(' -> ')}`
  })
}
