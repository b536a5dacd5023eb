# Quantities of lme4 that do not depend on the order in which it eliminates.
comparable <- c("X", "Z", "Zt", "mmList", "y", "mu", "u", "b", "Gp", "Tp", "Lambda", "Lambdat",
  "Lind", "Tlist", "A", "RX", "sigma", "flist", "fixef", "beta", "theta", "ST", "REML",
  "is_REML", "n_rtrms", "n_rfacs", "N", "n", "p", "q", "p_i", "l_i", "q_i", "k", "m_i", "m", "cnms",
  "offset", "lower")

dense <- function(x) {
  if (isS4(x)) return(unname(as.matrix(x)))
  if (is.list(x)) return(lapply(x, dense))
  plain(x)
}

test_that("getME gives lme4's values under lme4's names", {
  for (name in c("slope", "slope_ml", "three", "weighted", "offset", "exclude", "pastes", "cake",
    "insteval")) {
    ours <- our_fit(name)
    theirs <- lme4_fit(name)
    # lme4's q_i is wrong where terms share a factor
    for (what in if (name == "three") setdiff(comparable, "q_i") else comparable) {
      expect_equal(dense(getME(ours, what)), dense(suppressWarnings(lme4::getME(theirs, what))),
        tolerance = 2e-3, label = paste(name, what),
        ignore_attr = what %in% c("X", "RX", "mu", "y"))
    }
    for (part in c("cmp", "dims")) {
      expect_equal(getME(ours, "devcomp")[[part]], lme4::getME(theirs, "devcomp")[[part]],
        tolerance = 1e-3, label = paste(name, part))
    }
  }
})

test_that("rows and columns of the sparse matrices have lme4's names", {
  ours <- our_fit("three")
  theirs <- lme4_fit("three")
  expect_equal(rownames(getME(ours, "Zt")), rownames(lme4::getME(theirs, "Zt")))
  lists <- lapply(list(getME(ours, "Ztlist"), lme4::getME(theirs, "Ztlist")),
    lapply, function(Z) unname(as.matrix(Z)))
  expect_equal(lists[[1]], lists[[2]])
})

test_that("L, RZX and RX are the factors of the penalised least squares problem", {
  fit <- our_fit("weighted")
  A <- as.matrix(getME(fit, "A")) %*% diag(sqrt(weights(fit)))
  X <- getME(fit, "X") * sqrt(weights(fit))
  L <- getME(fit, "L")
  C <- as.matrix(Matrix::expand(L)$L)
  P <- as.matrix(Matrix::expand(L)$P)
  expect_equal(C %*% t(C), P %*% (A %*% t(A) + diag(nrow(A))) %*% t(P), ignore_attr = TRUE)
  RZX <- getME(fit, "RZX")
  expect_equal(C %*% RZX, P %*% A %*% X, ignore_attr = TRUE)
  RX <- getME(fit, "RX")
  expect_equal(crossprod(RX), crossprod(X) - crossprod(RZX), tolerance = 1e-6, ignore_attr = TRUE)
  expect_equal(as.numeric(2 * Matrix::determinant(L)$modulus),
    getME(fit, "devcomp")$cmp[["ldL2"]], tolerance = 1e-6)
})

test_that("Lind says where theta stands in Lambda", {
  for (name in c("three", "singular", "split")) {
    fit <- our_fit(name)
    expect_equal(getME(fit, "Lambdat")@x, unname(getME(fit, "theta"))[getME(fit, "Lind")])
  }
})

test_that("mu is X beta + Z b + offset", {
  for (name in c("three", "offset", "weighted")) {
    fit <- our_fit(name)
    part <- getME(fit, c("X", "beta", "Z", "b", "offset", "mu"))
    mu <- part$X %*% part$beta + as.matrix(part$Z %*% part$b) + part$offset
    expect_equal(part$mu, as.vector(mu))
  }
})

test_that("devfun is the criterion", {
  fit <- our_fit("slope")
  expect_equal(getME(fit, "devfun")(fit$theta), REMLcrit(fit), tolerance = 1e-9)
})

test_that("several names give a list, and an unknown one an error", {
  fit <- our_fit("slope")
  expect_named(getME(fit, c("theta", "n")), c("theta", "n"))
  expect_true(all(comparable %in% names(getME(fit, "ALL"))))
  expect_equal(unname(getME(our_fit("three"), "q_i")), c(18, 36, 6))
  expect_error(getME(fit, "thta"), "thta.*theta", class = "rlmm_unknown_name")
  expect_error(getME(fit), class = "rlmm_unknown_name")
})

test_that("names that a linear model has no use for say why", {
  fit <- our_fit("slope")
  for (name in names(NOT_IN_GETME)) {
    e <- expect_rlmm_error(getME(fit, name), "unknown_name", name, NOT_IN_GETME[[name]])
    expect_false(grepl("it knows", conditionMessage(e)))
  }
  expect_rlmm_error(getME(fit, c("X", "nAGQ")), "unknown_name", "quadrature")
  expect_false(any(names(NOT_IN_GETME) %in% names(getME(fit, "ALL"))))
})

test_that("par, npar and devarg are about theta", {
  fit <- our_fit("three")
  expect_identical(getME(fit, "par"), getME(fit, "theta"))
  expect_identical(getME(fit, "npar"), length(fit$theta))
  expect_equal(getME(fit, "devfun")(getME(fit, "devarg")), REMLcrit(fit))
})
