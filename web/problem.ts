import { html, nothing, type TemplateResult } from 'lit'
import type { Problem } from './plain-words.ts'

/** A problem as people read it: what, what to do, and the machinery's own words last. */
export function renderProblem(problem: Problem): TemplateResult {
  return html`<div class="problem">
    <p><strong>${problem.headline}</strong></p>
    ${problem.advice === '' ? nothing : html`<p>${problem.advice}</p>`}
    ${problem.detail === '' ? nothing : html`<p class="quiet">Details: ${problem.detail}</p>`}
  </div>`
}
