// Numbers and times in the browser's language. Revenue arrives as digits and stays exact: it may exceed the range of Number.
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumSignificantDigits: 4 });
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });
const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];

export const digits = text => whole.format(BigInt(text));
export const count = number => whole.format(number);
export const compact = number => short.format(number);
export const rate = number => (number < 100 ? tenths : whole).format(number);
export const time = milliseconds => clock.format(milliseconds);
export const moment = text => date.format(new Date(text));

export function bytes(number) {
  const power = Math.min(units.length - 1, number < 1000 ? 0 : Math.floor(Math.log10(number) / 3));
  return new Intl.NumberFormat(undefined, { style: 'unit', unit: units[power], unitDisplay: power === 0 ? 'long' : 'short', maximumFractionDigits: power === 0 ? 0 : 1 })
    .format(number / 1000 ** power);
}

export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const [value, unit] = seconds < 90 ? [seconds, 'second'] : seconds < 5400 ? [Math.round(seconds / 60), 'minute'] : [Math.round(seconds / 3600), 'hour'];
  return new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}
