# drop1() and extractAIC() against lme4.

# lme4 updates the call, and so needs its data by name.
drop1_of_lme4 <- function(name, ...) {
  fit <- lme4_fit(name)
  assign("d", model_data(name), envir = globalenv())
  on.exit(rm("d", envir = globalenv()))
  drop1(fit, ...)
}

test_that("the tables are lme4's", {
  for (name in c("slope", "weighted", "three", "cake", "poly", "offset")) {
    for (test in c("none", "Chisq")) {
      ours <- drop1(our_fit(name), test = test)
      theirs <- suppressMessages(drop1_of_lme4(name, test = test))
      expect_s3_class(ours, c("anova", "data.frame"), exact = TRUE)
      expect_equal(dimnames(ours), dimnames(theirs), label = name)
      expect_equal(as.matrix(ours), as.matrix(theirs), tolerance = 1e-5, ignore_attr = TRUE)
      expect_equal(attr(ours, "heading"), attr(theirs, "heading"))
    }
  }
})

test_that("scope takes names and formulas, and what it does not know is an error", {
  fit <- our_fit("cake")
  expect_equal(row.names(drop1(fit)), c("<none>", "recipe:temperature"))
  expect_equal(row.names(drop1(fit, scope = ~ recipe)), c("<none>", "recipe"))
  table <- drop1(fit, scope = c("recipe", "recipe:temperature"), test = "Chisq")
  # a main effect within its interaction takes no parameter
  expect_equal(table$npar, c(NA, 0, 10))
  expect_true(is.na(table[["Pr(Chi)"]][2]))
  expect_rlmm_error(drop1(fit, scope = "nothing"), "bad_argument", "'nothing'")
})

test_that("redundant columns and rows with missing values change nothing", {
  fit <- our_fit("deficient")
  table <- drop1(fit)
  # each of the two redundant columns can go for free
  expect_equal(table$npar, c(NA, 0, 0, 1))
  d <- method_data()
  d$z[5] <- NA
  fit <- rlmm(Reaction ~ Days + z + (1 | Subject), d, REML = FALSE)
  smaller <- rlmm(Reaction ~ Days + (1 | Subject), d[-5, ], REML = FALSE)
  expect_equal(drop1(fit)["z", "AIC"], AIC(smaller))
})

test_that("a function of the user makes the table", {
  fit <- our_fit("slope")
  difference <- function(object, smaller, ...) {
    if (missing(smaller)) return(c(gain = NA))
    structure(c(gain = REMLcrit(smaller) - REMLcrit(object)), method = "by hand")
  }
  table <- drop1(fit, test = "user", sumFun = difference)
  smaller <- rlmm(Reaction ~ 1 + (Days | Subject), sleepstudy)
  expect_equal(table["Days", "gain"], REMLcrit(smaller) - REMLcrit(fit))
  expect_match(attr(table, "heading"), "by hand", all = FALSE)
  expect_rlmm_error(drop1(fit, test = "user"), "bad_argument", "sumFun")
})

test_that("trace shows the terms, k changes the penalty", {
  fit <- our_fit("slope")
  expect_output(drop1(fit, trace = TRUE), "without Days")
  expect_equal(drop1(fit, k = 3)$AIC - drop1(fit)$AIC, c(6, 5))
})

test_that("extractAIC is that of maximum likelihood", {
  for (name in c("slope", "slope_ml", "weighted", "penicillin")) {
    expect_equal(extractAIC(our_fit(name)), extractAIC(lme4_fit(name)), tolerance = 1e-7)
  }
  expect_equal(extractAIC(our_fit("slope_ml"), k = 3)[2], AIC(our_fit("slope_ml"), k = 3))
})

test_that("F tests are lmerTest's", {
  for (name in c("cake", "Machines", "Oats", "dietox")) {
    fits <- df_fits(name)
    for (ddf in c("Satterthwaite", "Kenward-Roger")) {
      ours <- drop1(fits$ours, ddf = ddf)
      theirs <- drop1(fits$theirs, ddf = ddf)
      expect_equal(dimnames(ours), dimnames(theirs))
      expect_equal(as.matrix(ours), as.matrix(theirs), tolerance = 1e-4, label = paste(name, ddf))
      expect_equal(attr(ours, "heading")[1:2], attr(theirs, "heading")[1:2])
    }
  }
})

test_that("F tests do not depend on contrasts, and take a scope and a covariance", {
  d <- model_data("cake")
  codings <- list(NULL, list(recipe = "contr.sum", temperature = "contr.helmert"))
  fits <- lapply(codings, function(own) {
    rlmm(angle ~ recipe + temperature + (1 | recipe:replicate), d, contrasts = own)
  })
  expect_equal(drop1(fits[[1]], test = "F")[["F value"]], drop1(fits[[2]], test = "F")[["F value"]])
  table <- drop1(our_fit("cake"), scope = c("recipe", "recipe:temperature"), test = "F")
  # the columns of a main effect lie within those of its interaction
  expect_equal(table$NumDF, c(0, 10))
  expect_true(is.na(table["recipe", "F value"]))
  expect_equal(drop1(fits[[1]], test = "F", vcov = "CR1")["recipe", "F value"],
    contest(fits[[1]], diag(8)[2:3, ], vcov = "CR1")[["F value"]])
  expect_equal(names(drop1(fits[[1]], ddf = "none")), names(drop1(fits[[1]])))
  zero <- rlmm(Reaction ~ 0 + Days + (1 | Subject), sleepstudy)
  expect_equal(drop1(zero, test = "F")[["F value"]], coef(summary(zero))[, "t value"]^2,
    ignore_attr = TRUE)
})
