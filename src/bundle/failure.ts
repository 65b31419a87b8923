import { AirgapError, type ErrorCode } from '../core/errors.ts';

/** Why a bundle is refused and where, as data: it crosses from workers to the main thread. */
export interface BundleFailure {
  readonly code: ErrorCode;
  readonly message: string;
  /** The entry it was found in, `end` for what follows the last one. */
  readonly at: string;
  /** Bytes from the start of the bundle. */
  readonly offset: number;
}

/** Where `offset` lies, for people who hold several media in their hands. */
export type VolumeAt = (offset: number) => string | undefined;

/** The failure as an error; `volumeAt` names the volume of a split bundle, `hint` replaces the usual one of the code. */
export function failureError(failure: BundleFailure, volumeAt?: VolumeAt, hint?: string): AirgapError {
  const volume = volumeAt?.(failure.offset);
  const place = `at byte ${failure.offset}${volume === undefined ? '' : ` (volume ${volume})`}`;
  return new AirgapError(failure.code, `${failure.message}, ${place}`, {
    hint: hint ?? HINTS[failure.code] ?? 'do not use this bundle; get it again from its sender',
    data: { at: failure.at, offset: failure.offset, ...(volume === undefined ? {} : { volume }) },
  });
}

const HINTS: Partial<Record<ErrorCode, string>> = {
  E_TRUNCATED: 'the copy is incomplete: copy the bundle (or the missing volume) again',
  E_DIGEST: 'the copy is damaged: copy the bundle again and run airgap verify',
};
