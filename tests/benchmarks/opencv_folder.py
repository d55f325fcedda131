"""What a user of OpenCV writes in place of ``convcli apply FOLDER -j N``: FOLDER OUT N."""

import sys
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np

OUTLINE = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32)


def work(paths: tuple[Path, Path]) -> None:
    """Filter one image into a file."""
    source, target = map(str, paths)
    image = cv2.imread(source, cv2.IMREAD_UNCHANGED)
    result = cv2.filter2D(image, -1, OUTLINE, borderType=cv2.BORDER_REPLICATE)
    if not cv2.imwrite(target, result):
        raise OSError(target)


if __name__ == "__main__":
    folder, out, jobs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    pairs = [(path, out / path.name) for path in sorted(folder.iterdir())]
    with Pool(jobs, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for _ in pool.imap_unordered(work, pairs, chunksize=4):
            pass
