"""The kernel's o2cb configfs as one model, and three ways in: direct, pyfakefs and FUSE."""
