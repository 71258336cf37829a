/* Spaced review, as desk/review.py has it: which exercises come back, and when. */

const DAY = 24 * 3600 * 1000;

/** The names of the exercises to write again. progress: of work.js. rules: {days, few}, Python's. today: a time in UTC, whose
    day is Python's here, too. */
export function findDue({ passed, due, hints, seen, mistakes }, { days, few }, today = Date.now()) {
  const day = (n) => new Date(today + n * DAY).toISOString().slice(0, 10);
  const latest = day(days + 1 + Math.floor(Object.keys(due).length / few));
  const helpedNames = { ...hints, ...seen, ...mistakes };
  const names = Object.keys(passed).filter((name) => !(day(0) < due[name] && due[name] <= latest));
  return names.sort((one, other) => (other in helpedNames) - (one in helpedNames));
}
