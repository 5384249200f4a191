"""What only real kernels can show: OCFS2 mounted over tables that nobody but o2cbd wrote."""
