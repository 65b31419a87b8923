import pLimit from 'p-limit';
import { AirgapError, isAirgapError } from './errors.ts';

/**
 * Runs `work` on every item, `concurrency` at a time, and keeps the order of the results. All items are tried: their
 * `AirgapError`s are thrown together at the end as one, with the code of the first; any other error ends the run at once.
 */
export async function gatherAll<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  concurrency: number,
): Promise<Result[]> {
  const limit = pLimit(concurrency);
  const errors: (AirgapError | undefined)[] = items.map(() => undefined);
  const tasks = items.map((item, index) =>
    limit(async () => {
      try {
        return await work(item);
      } catch (error) {
        if (!isAirgapError(error)) {
          limit.clearQueue();
          throw error;
        }
        errors[index] = error;
        return undefined;
      }
    }),
  );
  const results = await Promise.all(tasks);
  throwTogether(errors.filter((error) => error !== undefined));
  return results as Result[];
}

/** Throws the errors as one: itself if it is alone, nothing if there is none. */
export function throwTogether(errors: readonly AirgapError[]): void {
  const [first] = errors;
  if (first === undefined) return;
  const hints = new Set(errors.map(({ hint }) => hint));
  const shared = hints.size === 1 ? first.hint : undefined;
  const withHint = ({ message, hint }: AirgapError) =>
    hint === undefined || hint === shared ? message : `${message} (${hint})`;
  const lines = [...new Set(errors.map(withHint))];
  if (lines.length === 1) throw first;
  throw new AirgapError(first.code, [`${lines.length} problems:`, ...lines].join('\n  '), {
    hint: shared ?? 'correct each of them',
    cause: first,
    data: { problems: errors.map(({ code, message, hint, data }) => ({ code, message, hint, ...data })) },
  });
}
