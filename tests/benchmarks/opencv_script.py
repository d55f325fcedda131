"""What a user of OpenCV writes in place of ``convcli apply -k outline``: IN OUT."""

import sys

import cv2
import numpy as np

source, target = sys.argv[1:]
kernel = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32)
image = cv2.imread(source)
cv2.imwrite(target, cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE))
