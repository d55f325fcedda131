"""What a user of OpenCV writes in place of ``convcli apply``: KERNEL IN OUT."""

import sys

import cv2
import numpy as np

kernel, source, target = sys.argv[1:]
image = cv2.imread(source)
if kernel == "outline":
    matrix = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32)
    result = cv2.filter2D(image, -1, matrix, borderType=cv2.BORDER_REPLICATE)
else:
    result = cv2.GaussianBlur(image, (9, 9), 2, borderType=cv2.BORDER_REPLICATE)
cv2.imwrite(target, result)
