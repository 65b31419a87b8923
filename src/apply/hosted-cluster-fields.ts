import { parseCidr } from './cidr.ts';
import { canonicalDuration, parseDuration } from './duration.ts';
import { parseQuantity } from './quantity.ts';

/** Something in a field that can not stay as it is. */
export interface Problem {
  /** Path of the field in the entry of the site file. */
  readonly field: string;
  readonly problem: string;
  readonly fix: string;
}

const OBJECT_NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

export type FieldReader = ReturnType<typeof readFields>;

/**
 * Readers of single values. Each returns the value in the form the API holds, or notes a problem and returns a value of the
 * right type, so that all problems of a hosted cluster are told at once.
 */
export function readFields(problems: Problem[], prefix = '') {
  const note = (field: string, problem: string, fix: string): void => {
    problems.push({ field: `${prefix}${field}`, problem, fix });
  };
  return {
    note,

    optional<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
      return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T };
    },

    /** Texts that are left out when absent or empty. */
    optionalTexts<K extends string>(
      input: { readonly [P in K]?: string | undefined },
      keys: readonly K[],
    ): { readonly [P in K]?: string } {
      const present = keys.filter((key) => input[key] !== undefined && input[key] !== '');
      return Object.fromEntries(present.map((key) => [key, input[key]])) as { readonly [P in K]?: string };
    },

    /** The name of an object of the cluster, a storage class for example; empty counts as absent. */
    objectName(field: string, value: string | undefined): string | undefined {
      if (value === undefined || value === '') return undefined;
      if (OBJECT_NAME.test(value) && value.length <= 253) return value;
      note(field, `${JSON.stringify(value)} is no object name`, 'use lower-case letters, digits, "-" and "."');
      return undefined;
    },

    /** Exact spelling. */
    oneOf<const T extends string>(field: string, value: string | undefined, allowed: readonly T[]): T | undefined {
      if (value === undefined || value === '') return undefined;
      const found = allowed.find((candidate) => candidate === value);
      if (found === undefined) note(field, `${JSON.stringify(value)} is not known`, `use ${listOf(allowed)}`);
      return found;
    },

    /** Any spelling of upper and lower case; the canonical one is returned. */
    oneOfAnyCase<const T extends string>(
      field: string,
      value: string | undefined,
      allowed: readonly T[],
    ): T | undefined {
      if (value === undefined || value === '') return undefined;
      const found = allowed.find((candidate) => candidate.toLowerCase() === value.toLowerCase());
      if (found === undefined) note(field, `${JSON.stringify(value)} is not known`, `use ${listOf(allowed)}`);
      return found;
    },

    /** A positive size. */
    quantity(field: string, value: string | number | undefined): string | undefined {
      if (value === undefined) return undefined;
      const quantity = parseQuantity(String(value));
      if (quantity === undefined || quantity.nano <= 0n) {
        note(field, `${JSON.stringify(value)} is no size greater than zero`, 'write a size such as 8Gi');
        return undefined;
      }
      return quantity.text;
    },

    /** A duration that is not negative. */
    duration(field: string, value: string | undefined): string | undefined {
      if (value === undefined || value === '') return undefined;
      const text = canonicalDuration(value);
      if (text !== undefined && !text.startsWith('-')) return text;
      note(field, `${JSON.stringify(value)} is no duration`, 'write a duration such as 30m or 1h30m');
      return undefined;
    },

    milliseconds(field: string, value: string | undefined): number | undefined {
      const text = this.duration(field, value);
      const nanoseconds = text === undefined ? 0n : parseDuration(text)!;
      return nanoseconds === 0n ? undefined : Number(nanoseconds / 1_000_000n);
    },

    cidrs(field: string, values: readonly string[]): string[] {
      return values.flatMap((value) => {
        const cidr = parseCidr(value);
        if (cidr === undefined)
          note(field, `${JSON.stringify(value)} is no CIDR`, 'write a range such as 10.132.0.0/14');
        return cidr === undefined ? [] : [cidr.text];
      });
    },
  };
}

function listOf(allowed: readonly string[]): string {
  return allowed.length === 1 ? allowed[0]! : `${allowed.slice(0, -1).join(', ')} or ${allowed.at(-1)}`;
}
