import {
  css,
  html,
  LitElement,
  nothing,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import type { ImportedHeaders, LightNode } from '../src/browser.ts'
import { elementStyles } from './element-styles.ts'
import { formatNumber } from './format.ts'
import { explainFileFailure, type Problem } from './plain-words.ts'
import { renderProblem } from './problem.ts'

/** A browser draws 60 times a second, and a slice of headers takes a millisecond. */
const PROGRESS_INTERVAL_MS = 100
/** The browser has long begun to save it by then. */
const DOWNLOAD_LINK_MS = 60_000

interface Task {
  readonly verb: 'Verifying' | 'Storing' | 'Exporting'
  readonly doneCount: number
  readonly totalCount: number
  readonly controller: AbortController
}

/** Headers in from a file, by button or by dropping it anywhere on the page, and out into one. One at a time. */
export class RushlightFiles extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    lightNode: { attribute: false },
    task: { state: true },
    said: { state: true },
    problem: { state: true },
    isDragged: { state: true },
  }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    css`
      .row {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.5rem;
        margin-top: 0.75rem;
      }
      .dragged {
        outline: 3px dashed var(--flame);
        outline-offset: -6px;
        background: var(--flame-wash);
      }
      .good {
        color: var(--good);
      }
    `,
  ]

  declare lightNode: LightNode | undefined
  declare task: Task | undefined
  declare said: string
  declare problem: Problem | undefined
  declare isDragged: boolean
  /** Dropped before there was a light node to take it. */
  #early: File | undefined
  #shownMs = 0

  constructor() {
    super()
    this.said = ''
    this.isDragged = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    for (const type of ['dragover', 'dragleave', 'drop'] as const) window.addEventListener(type, this.#drag)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    for (const type of ['dragover', 'dragleave', 'drop'] as const) window.removeEventListener(type, this.#drag)
    this.task?.controller.abort()
  }

  protected override updated(): void {
    const file = this.#early
    if (file === undefined || this.lightNode === undefined) return
    this.#early = undefined
    void this.import(file)
  }

  override render(): TemplateResult {
    return html`<section aria-labelledby="title" class=${this.isDragged ? 'dragged' : ''}>
      <h2 id="title">Headers as a file</h2>
      <p>
        Drop a file of headers anywhere on this page, or choose one: 80 bytes each, from genesis or from one that is
        held here. Every header is verified like those from peers.
      </p>
      ${this.task === undefined ? this.#renderButtons() : renderTask(this.task)}
      <div role="status">
        ${this.said === '' ? nothing : html`<p class="good" id="said">${this.said}</p>`}
        ${this.problem === undefined ? nothing : renderProblem(this.problem)}
      </div>
    </section>`
  }

  #renderButtons(): TemplateResult {
    return html`<div class="row">
      <input type="file" id="file" hidden @change=${this.#choose} aria-label="File of headers" />
      <button type="button" @click=${() => this.renderRoot.querySelector('input')?.click()}>Import a file …</button>
      <button type="button" @click=${() => void this.export()}>Export all headers</button>
    </div>`
  }

  /** Never rejects; says what became of it. */
  async import(file: File): Promise<void> {
    if (this.lightNode === undefined) {
      this.#early = file
      return
    }
    const totalCount = Math.floor(file.size / this.lightNode.chain.headerSizeBytes)
    await this.#run({ verb: 'Verifying', doneCount: 0, totalCount }, async (lightNode, signal) => {
      const { importHeaders } = await import('../src/browser.ts')
      const outcome = await importHeaders(lightNode, file, {
        signal,
        onProgress: (doneCount) => this.#show({ verb: doneCount < totalCount ? 'Verifying' : 'Storing', doneCount }),
      })
      return importWords(file.name, outcome)
    })
  }

  async export(): Promise<void> {
    const totalCount = (this.lightNode?.head.height ?? 0) + 1
    await this.#run({ verb: 'Exporting', doneCount: 0, totalCount }, async (lightNode, signal) => {
      const { exportHeaders } = await import('../src/browser.ts')
      const chunks = exportHeaders(lightNode, { signal })
      let sizeBytes = 0
      const stream = new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          const { done, value } = await chunks.next()
          if (done === true) return controller.close()
          sizeBytes += value.length
          this.#show({ doneCount: sizeBytes / lightNode.chain.headerSizeBytes })
          controller.enqueue(value)
        },
      })
      // The browser gathers it outside of this page's memory.
      const blob = await new Response(stream).blob()
      const count = sizeBytes / lightNode.chain.headerSizeBytes
      const name = `${lightNode.chain.id.replace(':', '-')}-0-${count}.bin`
      download(blob, name)
      return `Exported ${formatNumber(count)} headers to ${name}.`
    })
  }

  async #run(
    task: Omit<Task, 'controller'>,
    act: (lightNode: LightNode, signal: AbortSignal) => Promise<string>,
  ): Promise<void> {
    const { lightNode } = this
    if (lightNode === undefined || this.task !== undefined) return
    const controller = new AbortController()
    this.task = { ...task, controller }
    this.said = ''
    this.problem = undefined
    try {
      this.said = await act(lightNode, controller.signal)
    } catch (error) {
      if (controller.signal.aborted)
        this.said = task.verb === 'Exporting' ? 'Cancelled.' : 'Cancelled. What was verified by then is kept.'
      else this.problem = explainFileFailure(error)
    }
    this.task = undefined
  }

  #show(progress: Partial<Task>): void {
    const nowMs = performance.now()
    const isOver = progress.verb === 'Storing'
    if (this.task === undefined || (nowMs - this.#shownMs < PROGRESS_INTERVAL_MS && !isOver)) return
    this.#shownMs = nowMs
    this.task = { ...this.task, ...progress }
  }

  readonly #choose = (event: Event): void => {
    const [file] = (event.target as HTMLInputElement).files ?? []
    if (file !== undefined) void this.import(file)
  }

  /** Dropped beside the element the browser would leave the page for the file. */
  readonly #drag = (event: DragEvent): void => {
    if (event.dataTransfer?.types.includes('Files') !== true) return
    event.preventDefault()
    this.isDragged = event.type === 'dragover'
    const [file] = event.dataTransfer.files
    if (event.type === 'drop' && file !== undefined) void this.import(file)
  }
}

function renderTask({ verb, doneCount, totalCount, controller }: Task): TemplateResult {
  const words = `${verb} ${formatNumber(doneCount)} of ${formatNumber(totalCount)} headers`
  return html`<progress max=${Math.max(1, totalCount)} .value=${doneCount} aria-label=${`${verb} headers`}></progress>
    <div class="row">
      <span class="number" id="progress">${words}</span>
      <button type="button" @click=${() => controller.abort()}>Cancel</button>
    </div>`
}

function importWords(name: string, { headerCount, addedCount, last, isOnBestChain }: ImportedHeaders): string {
  const verified = `${formatNumber(headerCount)} headers of ${name} verified`
  if (!isOnBestChain) return `${verified}, but the chain that is held here has more work and stays.`
  const added = addedCount === 0 ? 'all of them were here already' : `${formatNumber(addedCount)} of them are new`
  return `${verified} and stored, up to height ${formatNumber(last.height)}: ${added}.`
}

function download(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), DOWNLOAD_LINK_MS)
}
