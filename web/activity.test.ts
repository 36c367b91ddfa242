import { expect, test } from 'vitest'
import { addActivity, describeReorg, type Activity } from './activity.ts'

const DIAL_FAILED = { kind: 'warning', text: 'nobody listens', time: 1 } as const

test('the same thing again is counted, with the time of the last', () => {
  const once = addActivity([], DIAL_FAILED)
  expect(addActivity(once, { ...DIAL_FAILED, time: 31 })).toEqual([{ ...DIAL_FAILED, time: 31, count: 2 }])
})

test('the newest comes first and only the last twelve are kept', () => {
  let activities: readonly Activity[] = []
  for (let time = 1; time <= 13; time++) activities = addActivity(activities, { kind: 'reorg', text: `${time}`, time })
  expect(activities.map((activity) => activity.time)).toEqual([13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
})

test('a reorg tells its height and how many blocks went and came', () => {
  const reorg = { reverted: [{ height: 7 }], adopted: [{ height: 7 }, { height: 8 }] }
  expect(describeReorg(reorg)).toBe('Reorganised at height 7: 1 block replaced by 2 with more work')
})
