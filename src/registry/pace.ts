/** Answers in a row without a complaint after which one more request at once is tried. */
const RAISE_AFTER = 20;

/** How many requests one host gets at once: fewer when it says that they are too many, slowly more again after that. */
export interface Pace {
  /** Waits until one more request may be sent. Throws the abort of the signal. */
  enter(signal: AbortSignal): Promise<Turn>;
}

/** A request under way; {@link Turn.leave} must be called once nothing of it is. */
export interface Turn {
  /** Tells how the host answered. */
  answered(status: number): void;
  /** May be called again. */
  leave(): void;
}

/** The pace of a host that takes `most` requests at once unless it complains. */
export function createPace(most: number): Pace {
  let allowed = most;
  let running = 0;
  let answers = 0;
  /** Requests of one round were sent under the same limit: their complaints are one complaint. */
  let round = 0;
  const waiting = new Set<() => void>();
  const admit = (): void => {
    for (const start of waiting) {
      if (running >= allowed) return;
      waiting.delete(start);
      running += 1;
      start();
    }
  };
  const turn = (): Turn => {
    const own = round;
    let isDone = false;
    return {
      answered(status) {
        if (status === 429 || status === 503) {
          answers = 0;
          if (own !== round) return;
          allowed = Math.max(1, Math.floor(allowed / 2));
          round += 1;
        } else if (status < 500 && allowed < most) {
          answers += 1;
          if (answers < RAISE_AFTER) return;
          answers = 0;
          allowed += 1;
          admit();
        }
      },
      leave() {
        if (isDone) return;
        isDone = true;
        running -= 1;
        admit();
      },
    };
  };
  const wait = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', stop);
        resolve();
      };
      const stop = (): void => {
        waiting.delete(start);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', stop, { once: true });
      waiting.add(start);
    });
  return {
    async enter(signal) {
      signal.throwIfAborted();
      if (running < allowed) running += 1;
      else await wait(signal);
      return turn();
    },
  };
}
