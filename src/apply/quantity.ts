/** A Kubernetes quantity: its size and the text the vendor tool writes for it. */
export interface Quantity {
  /** Canonical text: `1024Mi` → `1Gi`, `5.5Gi` → `5632Mi`, `4Gi` → `4Gi`. */
  readonly text: string;
  /** Value in thousand-millionths, so that every legal quantity is a whole number. */
  readonly nano: bigint;
}

type Format = 'DecimalSI' | 'DecimalExponent' | 'BinarySI';

interface Parts {
  readonly sign: 1n | -1n;
  /** Digits before the point without leading zeros, `0` when none are left. */
  readonly whole: string;
  readonly fraction: string;
  readonly format: Format;
  readonly exponent: number;
}

const DECIMAL_SUFFIXES = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const NANO = 10n ** 9n;
/** Binary quantities are capped at the largest 64-bit integer. */
const LARGEST_BINARY = (2n ** 63n - 1n) * NANO;
/** Exponents outside this range describe no real size; without a limit `1e999999999` would fill the memory. */
const EXPONENT_LIMIT = 100;

/**
 * Parses a quantity and writes it the way Kubernetes' Go library does, so that a rendered object reads like the vendor
 * tool's: text that is already canonical is kept, everything else is recomputed. Undefined when it is no quantity.
 * (Kubernetes API reference, "Quantity".)
 */
export function parseQuantity(text: string): Quantity | undefined {
  if (text === '0') return { text, nano: 0n };
  const parts = splitQuantity(text);
  if (parts === undefined) return undefined;
  const nano = nanoOf(parts);
  const canonical = isKeptAsWritten(parts) ? text : formatQuantity(nano, formatOf(parts, nano));
  return { text: canonical, nano };
}

function splitQuantity(text: string): Parts | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?((?:[KMGTPE]i)|[numkMGTPE]|(?:[eE][+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, digits = '', fraction = '', suffix = ''] = match;
  if (digits === '' && fraction === '') return undefined;
  const common = {
    sign: sign === '-' ? (-1n as const) : (1n as const),
    whole: digits.replace(/^0+/, '') || '0',
    fraction,
  };
  if (suffix.endsWith('i')) return { ...common, format: 'BinarySI', exponent: BINARY_SUFFIXES.indexOf(suffix) * 10 };
  if (suffix.length > 1) {
    const exponent = Number(suffix.slice(1));
    return Math.abs(exponent) > EXPONENT_LIMIT ? undefined : { ...common, format: 'DecimalExponent', exponent };
  }
  return { ...common, format: 'DecimalSI', exponent: (DECIMAL_SUFFIXES.indexOf(suffix) - 3) * 3 };
}

/** The Go library keeps short numbers as they were written when a cheap test finds them canonical. */
function isKeptAsWritten({ whole, fraction, format, exponent }: Parts): boolean {
  if (format === 'BinarySI') {
    const spareDigits = 15 - whole.length - Math.floor((exponent * 3) / 10) - 1;
    return fraction === '' && spareDigits >= 0 && (BigInt(whole) & 7n) !== 0n;
  }
  const scale = exponent - fraction.length;
  const digits = whole + fraction;
  if (digits.length > 18 || scale < -9) return false;
  return scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
}

function nanoOf({ sign, whole, fraction, format, exponent }: Parts): bigint {
  const digits = BigInt(whole + fraction);
  if (format === 'BinarySI') {
    const scaled = divideUp(digits * 2n ** BigInt(exponent) * NANO, 10n ** BigInt(fraction.length));
    return sign * (scaled > LARGEST_BINARY ? LARGEST_BINARY : scaled);
  }
  const shift = exponent + 9 - fraction.length;
  return sign * (shift >= 0 ? digits * 10n ** BigInt(shift) : divideUp(digits, 10n ** BigInt(-shift)));
}

/** Binary text can not express fractions, and is not used below 1024. */
function formatOf({ format }: Parts, nano: bigint): Format {
  if (format !== 'BinarySI') return format;
  const size = nano < 0n ? -nano : nano;
  return size < 1024n * NANO || size % NANO !== 0n ? 'DecimalSI' : 'BinarySI';
}

function formatQuantity(nano: bigint, format: Format): string {
  if (nano === 0n) return '0';
  if (format === 'BinarySI') {
    let amount = nano / NANO;
    let power = 0;
    while (amount % 1024n === 0n && power < BINARY_SUFFIXES.length - 1) {
      amount /= 1024n;
      power += 1;
    }
    return `${amount}${BINARY_SUFFIXES[power]}`;
  }
  let amount = nano;
  let exponent = -9;
  while (amount % 1000n === 0n) {
    amount /= 1000n;
    exponent += 3;
  }
  if (format === 'DecimalExponent') return exponent === 0 ? `${amount}` : `${amount}e${exponent}`;
  for (; exponent > 18; exponent -= 3) amount *= 1000n;
  return `${amount}${DECIMAL_SUFFIXES[exponent / 3 + 3]}`;
}

/** Quotient rounded up; both operands are positive. */
function divideUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}
